using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Running;

/// <summary>One client's run by itself.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Prepared">The experiment with that client named.</param>
/// <param name="Directory">Its run directory.</param>
public sealed record LocalRun(int Client, PreparedExperiment Prepared, string Directory);

/// <summary>
/// The baseline of every client by itself (<c>federation.algorithm: local</c> without a client): a run for each, in a run directory of its own under
/// <c>clients/</c>, so that each is resumed, shown and compared as any other, and keeps its own adapter.
/// </summary>
public static class LocalRuns
{
    /// <summary>Whether an experiment is one run for each client.</summary>
    public static bool Applies(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        return experiment.Federation is { Algorithm: Algorithm.Local, Client: null };
    }

    /// <summary>Returns the runs, by client; nothing is written yet.</summary>
    /// <param name="prepared">The experiment.</param>
    /// <param name="directory">The folder that holds the run directories, or will.</param>
    /// <exception cref="InputFileException">The folder holds something else.</exception>
    public static IReadOnlyList<LocalRun> Of(PreparedExperiment prepared, string directory)
    {
        ArgumentNullException.ThrowIfNull(prepared);
        ArgumentNullException.ThrowIfNull(directory);
        string root = Path.GetFullPath(directory);
        if (File.Exists(root) || (Directory.Exists(root) && Directory.EnumerateFileSystemEntries(root).Any(e => e != RunFamily.Folder(root))))
        {
            throw new InputFileException(root, null, "holds something besides the clients' runs", "Choose a new or empty directory with --out");
        }

        return
        [
            .. Enumerable.Range(0, prepared.Shards.Clients).Select(client => new LocalRun(
                client,
                prepared with { Experiment = prepared.Experiment with { Federation = prepared.Experiment.Federation with { Client = client } } },
                RunFamily.DirectoryOf(root, client))),
        ];
    }
}
