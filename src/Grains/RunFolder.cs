using System.Runtime.CompilerServices;
using System.Text;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>What others may read of a run's directory.</summary>
/// <param name="files">What the folder is kept on.</param>
/// <param name="store">The folder of the run directories.</param>
/// <param name="name">The run's name.</param>
internal sealed class RunFolder(IRunFiles files, string store, string name)
{
    private const int PieceBytes = 1 << 20;
    private static readonly string[] AdapterFiles = ["adapter_config.json", "adapter_model.safetensors"];

    /// <summary>The run directory.</summary>
    public string Path { get; } = System.IO.Path.Combine(store, name);

    /// <summary>Yields the lines of <c>rounds.jsonl</c> from a round on.</summary>
    public async IAsyncEnumerable<string> RoundsAsync(int from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<RoundRecord> records = await Task.Run(() => RoundLines.Read(System.IO.Path.Combine(Path, "rounds.jsonl"), files), cancellationToken);
        foreach (RoundRecord record in records.Where(r => r.Round >= from))
        {
            yield return Encoding.UTF8.GetString(RoundLines.ToBytes(record)).TrimEnd('\n');
        }
    }

    /// <summary>Yields a file of the adapter in pieces. It is one version of the file, also where a newer one takes its place meanwhile.</summary>
    /// <exception cref="RunRefusedException">There is no such file.</exception>
    public async IAsyncEnumerable<byte[]> AdapterAsync(string file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string path = System.IO.Path.Combine(Path, "adapter", file);
        if (!AdapterFiles.Contains(file, StringComparer.Ordinal) || !await Task.Run(() => files.FileExists(path), cancellationToken))
        {
            throw new RunRefusedException($"The run {name} has no adapter file {(AdapterFiles.Contains(file, StringComparer.Ordinal) ? file : "of that name")} yet.");
        }

        await using Stream stream = await Task.Run(() => files.OpenRead(path), cancellationToken);
        var piece = new byte[PieceBytes];
        for (int read = await stream.ReadAtLeastAsync(piece, PieceBytes, false, cancellationToken); read > 0;
            read = await stream.ReadAtLeastAsync(piece, PieceBytes, false, cancellationToken))
        {
            yield return piece[..read];
        }
    }
}
