using System.Collections.Concurrent;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Silo.Blobs;

/// <summary>
/// Run directories in a container of Azure Blob Storage: a blob for each file, named by its path below the root. What a run directory asks of a file system is kept by
/// other means: a file that is not finished lies on this machine until it is renamed, so that a blob appears whole; appending is conditional on the blob's ETag, so of two
/// writers one fails; a lock is a lease, and whoever lost it writes nothing more in its folder. Any thread may use it.
/// </summary>
internal sealed class BlobFiles : IRunFiles
{
    private readonly BlobContainerClient _container;
    private readonly TimeProvider _clock;
    private readonly ConcurrentDictionary<string, string> _unfinished = new(StringComparer.Ordinal); // by path, the file of this machine
    private readonly ConcurrentDictionary<string, BlobLease> _held = new(StringComparer.Ordinal); // by folder

    /// <summary>Takes a container that is there.</summary>
    /// <param name="container">The container.</param>
    /// <param name="clock">Measures the age of leases.</param>
    public BlobFiles(BlobContainerClient container, TimeProvider clock)
    {
        (_container, _clock) = (container, clock);
        Root = Path.GetFullPath($"/azure-blobs/{container.Name}");
    }

    /// <summary>Where the paths of blobs begin. There is no such folder.</summary>
    public string Root { get; }

    /// <inheritdoc/>
    public bool IsShared => true;

    /// <inheritdoc/>
    public bool FileExists(string path) => _unfinished.ContainsKey(path) || Asked(() => Blob(path).Exists().Value);

    /// <inheritdoc/>
    public IReadOnlyList<string> List(string folder, bool folders = false) => Asked<IReadOnlyList<string>>(() =>
    {
        string prefix = folder == Root ? "" : NameOf(folder) + "/";
        IEnumerable<string> names = _container.GetBlobsByHierarchy(new GetBlobsByHierarchyOptions { Delimiter = "/", Prefix = prefix })
            .Where(i => i.IsPrefix == folders).Select(i => (i.IsPrefix ? i.Prefix : i.Blob.Name)[prefix.Length..].TrimEnd('/'));
        return [.. names.Select(n => Path.Combine(folder, n)).Order(StringComparer.Ordinal)];
    });

    /// <summary>Nothing: a folder is there as long as something is in it.</summary>
    public void CreateFolder(string path)
    {
    }

    /// <inheritdoc/>
    public Stream OpenRead(string path) => Asked(() => Blob(path).DownloadContent().Value.Content.ToStream());

    /// <inheritdoc/>
    public void ReadHere(string path, Action<IRunFiles, string> read)
    {
        string here = Path.GetTempFileName();
        try
        {
            Asked(() => Ignoring(BlobErrorCode.BlobNotFound, () => Blob(path).DownloadTo(here), () => File.Delete(here)));
            read(DiskFiles.Instance, here);
        }
        finally
        {
            File.Delete(here);
        }
    }

    /// <inheritdoc/>
    public Stream Create(string path)
    {
        if (!path.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal))
        {
            return new WholeBlob(bytes => Write(path, bytes, null));
        }

        string here = _unfinished[path] = Path.GetTempFileName();
        return new FileStream(here, FileMode.Create, FileAccess.Write, FileShare.Read);
    }

    /// <inheritdoc/>
    public Stream Append(string path) => Asked(() => new BlobAppending(Blob(path), change => Asked(() =>
    {
        RequireHeld(path);
        change();
    })));

    /// <summary>Nothing: a blob is written whole or not at all, and what was written stands.</summary>
    public void Sync(Stream file)
    {
    }

    /// <inheritdoc cref="Sync"/>
    public void SyncFolder(string path)
    {
    }

    /// <inheritdoc/>
    public void Rename(string from, string to)
    {
        if (_unfinished.TryRemove(from, out string? here))
        {
            try
            {
                using FileStream content = File.OpenRead(here);
                Asked(() =>
                {
                    RequireHeld(to);
                    Blob(to).Upload(content, overwrite: true);
                });
            }
            finally
            {
                File.Delete(here);
            }
        }
        else
        {
            Write(to, Asked(() => Blob(from).DownloadContent().Value.Content), null);
            Delete(from);
        }
    }

    /// <inheritdoc/>
    public void Truncate(string path, long length)
    {
        BlobDownloadResult whole = Asked(() => Blob(path).DownloadContent().Value);
        Write(path, BinaryData.FromBytes(whole.Content.ToMemory()[..checked((int)length)]), whole.Details.ETag);
    }

    /// <inheritdoc/>
    public void Delete(string path)
    {
        if (_unfinished.TryRemove(path, out string? here))
        {
            File.Delete(here);
            return;
        }

        Asked(() =>
        {
            RequireHeld(path);
            Blob(path).DeleteIfExists();
        });
    }

    /// <inheritdoc/>
    public IDisposable? TryLock(string path) => Asked(() =>
    {
        Ignoring(BlobErrorCode.BlobAlreadyExists, () => Blob(path).Upload(BinaryData.FromBytes([])));
        string folder = Path.GetDirectoryName(path)!;
        if (BlobLease.TryTake(Blob(path), _clock, lease => _held.TryRemove(new(folder, lease))) is not { } lease)
        {
            return null;
        }

        _held[folder] = lease;
        return lease;
    });

    /// <summary>Calls the storage.</summary>
    /// <exception cref="FileNotFoundException">There is no such blob.</exception>
    /// <exception cref="IOException">The storage refuses, or cannot be reached.</exception>
    public static T Asked<T>(Func<T> call)
    {
        try
        {
            return call();
        }
        catch (RequestFailedException missing) when (missing.ErrorCode == BlobErrorCode.BlobNotFound)
        {
            throw new FileNotFoundException("Azure Blob Storage has no such blob", missing);
        }
        catch (RequestFailedException refused)
        {
            throw new IOException($"Azure Blob Storage refuses or cannot be reached ({(refused.Status == 0 ? "no answer" : $"{refused.Status} {refused.ErrorCode}")})", refused);
        }
        catch (Exception silent) when (silent is AggregateException or OperationCanceledException)
        {
            throw new IOException("Azure Blob Storage does not answer", silent); // several attempts failed, or took too long
        }
    }

    private static void Asked(Action call) => Asked(() =>
    {
        call();
        return 0;
    });

    private static void Ignoring(BlobErrorCode expected, Action call, Action? instead = null)
    {
        try
        {
            call();
        }
        catch (RequestFailedException e) when (e.ErrorCode == expected)
        {
            instead?.Invoke();
        }
    }

    private void Write(string path, BinaryData bytes, ETag? onlyIf) => Asked(() =>
    {
        RequireHeld(path);
        Blob(path).Upload(bytes, new BlobUploadOptions { Conditions = onlyIf is { } tag ? new BlobRequestConditions { IfMatch = tag } : null });
    });

    // A process that was stopped and goes on must not write beside the one that took its place. Clients of the run in this process are held up with it for a moment.
    private void RequireHeld(string path)
    {
        for (string? folder = Path.GetDirectoryName(path); folder is not null && folder != Root; folder = Path.GetDirectoryName(folder))
        {
            if (_held.TryGetValue(folder, out BlobLease? lease) && !lease.IsHeld)
            {
                throw new IOException("the lease on the run directory has run out");
            }
        }
    }

    private BlobClient Blob(string path) => _container.GetBlobClient(NameOf(path));

    private string NameOf(string path) => path.StartsWith(Root + Path.DirectorySeparatorChar, StringComparison.Ordinal)
        ? path[(Root.Length + 1)..].Replace(Path.DirectorySeparatorChar, '/')
        : throw new IOException($"{path} is not in {Root}");

    // Written when it is closed, in one request.
    private sealed class WholeBlob(Action<BinaryData> write) : MemoryStream
    {
        protected override void Dispose(bool disposing)
        {
            if (disposing && CanWrite)
            {
                write(BinaryData.FromBytes(ToArray()));
            }

            base.Dispose(disposing);
        }
    }
}
