using FedLLM.Engine.Files;
using FedLLM.Experiments.Clients;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What a run directory holds for its readers: <c>rounds.jsonl</c> and <c>adapter/</c>. Both follow from the committed state and are restored from it.</summary>
internal sealed class DerivedFiles : IDisposable
{
    private readonly IRunFiles _files;
    private readonly RunPaths _paths;
    private readonly StateAdapter _export;
    private Stream? _rounds;
    private string? _weights; // the hash of what lies in adapter/, once known
    private byte[]? _config;

    /// <summary>Restores both to what <paramref name="recovered"/> says.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="paths">Where things are.</param>
    /// <param name="export">What <c>adapter/</c> shows of a state.</param>
    /// <param name="recovered">The committed state.</param>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public DerivedFiles(IRunFiles files, RunPaths paths, StateAdapter export, Recovery recovered)
    {
        _files = files;
        _paths = paths;
        _export = export;
        byte[] lines = [.. recovered.CommittedRounds().SelectMany(RoundLines.ToBytes)];
        if (!lines.AsSpan().SequenceEqual(files.ReadWhole(paths.Rounds)))
        {
            files.WriteWhole(paths.Rounds, lines);
        }

        if (recovered.State is { } state)
        {
            WriteAdapter(state);
        }
    }

    /// <summary>Appends a round's line.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void Append(RoundRecord record)
    {
        try
        {
            _rounds ??= _files.Append(_paths.Rounds);
            _rounds.Write(RoundLines.ToBytes(record));
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(_paths.Rounds, e);
        }
    }

    /// <summary>Writes a state's adapter to <c>adapter/</c>, where it is not there already.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void WriteAdapter(GlobalState state)
    {
        if (_config is null)
        {
            PrepareAdapterFolder();
            _weights = _files.HashOf(_paths.AdapterWeights);
            _config = _files.ReadWhole(_paths.AdapterConfig) ?? [];
        }

        AdapterExport adapter = _export.Of(state);
        string weights = SafetensorsWriter.Hash(adapter.Weights);
        if (_weights != weights)
        {
            _files.WriteWhole(_paths.AdapterWeights, stream => SafetensorsWriter.Write(stream, adapter.Weights));
            _weights = weights;
        }

        if (!adapter.Config.Span.SequenceEqual(_config))
        {
            _files.WriteWhole(_paths.AdapterConfig, adapter.Config);
            _config = adapter.Config.ToArray();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _rounds?.Dispose();

    private void PrepareAdapterFolder()
    {
        try
        {
            _files.CreateFolder(_paths.Adapter);
            _files.SyncFolder(_paths.Root);
            foreach (string path in _files.List(_paths.Adapter).Where(p => p.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal)))
            {
                _files.Delete(path);
            }
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(_paths.Adapter, e);
        }
    }
}
