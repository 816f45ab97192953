using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What a run directory holds for its readers: <c>rounds.jsonl</c> and <c>adapter/</c>. Both follow from the committed state and are restored from it.</summary>
internal sealed class DerivedFiles : IDisposable
{
    private readonly IRunFiles _files;
    private readonly RunPaths _paths;
    private readonly FileTensorStore _store;
    private readonly ReadOnlyMemory<byte> _adapterConfig;
    private Stream? _rounds;
    private string? _adapter; // the hash of what lies in adapter/, once known

    /// <summary>Restores both to what <paramref name="recovered"/> says.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="paths">Where things are.</param>
    /// <param name="store">Where adapters are.</param>
    /// <param name="adapterConfig">The content of <c>adapter_config.json</c>.</param>
    /// <param name="recovered">The committed state.</param>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public DerivedFiles(IRunFiles files, RunPaths paths, FileTensorStore store, ReadOnlyMemory<byte> adapterConfig, Recovery recovered)
    {
        _files = files;
        _paths = paths;
        _store = store;
        _adapterConfig = adapterConfig;
        byte[] lines = [.. recovered.CommittedRounds().SelectMany(RoundLines.ToBytes)];
        if (!lines.AsSpan().SequenceEqual(files.ReadWhole(paths.Rounds)))
        {
            files.WriteWhole(paths.Rounds, lines);
        }

        if (recovered.Manifests.Count > 0)
        {
            WriteAdapter(recovered.Manifests.Values.Last().Adapter);
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

    /// <summary>Copies a stored adapter to <c>adapter/</c>, where it is not there already.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void WriteAdapter(string hash)
    {
        if (_adapter is null)
        {
            PrepareAdapterFolder();
            _adapter = _store.HashOf(_paths.AdapterWeights);
        }

        if (_adapter != hash)
        {
            _files.WriteWhole(_paths.AdapterWeights, stream =>
            {
                using Stream stored = _store.OpenRead(hash);
                stored.CopyTo(stream);
            });
            _adapter = hash;
        }
    }

    private void PrepareAdapterFolder()
    {
        try
        {
            _files.CreateFolder(_paths.Adapter);
            _files.SyncFolder(_paths.Root);
            foreach (string path in _files.List(_paths.Adapter).Where(p => p.EndsWith(DurableWriting.Unfinished, StringComparison.Ordinal)))
            {
                _files.Delete(path);
            }
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(_paths.Adapter, e);
        }

        if (!_adapterConfig.Span.SequenceEqual(_files.ReadWhole(_paths.AdapterConfig)))
        {
            _files.WriteWhole(_paths.AdapterConfig, _adapterConfig);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _rounds?.Dispose();
}
