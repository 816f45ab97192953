using FedLLM.Engine.Files;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>One process's hold on a run directory: a lock of the kernel's, and a file beside it that names the holder.</summary>
internal sealed class DirectoryLock : IDisposable
{
    private readonly IRunFiles _files;
    private readonly RunPaths _paths;
    private readonly IDisposable _held;

    private DirectoryLock(IRunFiles files, RunPaths paths, IDisposable held)
    {
        _files = files;
        _paths = paths;
        _held = held;
    }

    /// <summary>Takes the lock, and makes the directory where it is absent.</summary>
    /// <param name="files">The file system.</param>
    /// <param name="paths">Where things are.</param>
    /// <param name="foundInUse">Called before a refusal because somebody else has it: what is there is theirs.</param>
    /// <exception cref="InputFileException">Another process has it.</exception>
    /// <exception cref="RunStorageException">The directory cannot be made or written.</exception>
    public static DirectoryLock Take(IRunFiles files, RunPaths paths, Action foundInUse)
    {
        IDisposable? held = null;
        try
        {
            files.CreateFolder(paths.Root);

            // Where the file system knows no locks, the name in the file still stands for a living process.
            LockHolder? named = LockHolder.Read(files, paths.Holder);
            bool inUse = !files.IsShared && named is not null && named.ProcessId != Environment.ProcessId && named.IsAlive();
            held = inUse ? null : files.TryLock(paths.Lock);
            if (held is null)
            {
                foundInUse();
                throw new InputFileException(
                    paths.Root,
                    null,
                    $"another run is using it: {LockHolder.Read(files, paths.Holder)?.ToString() ?? "a process that is just starting or ending"}",
                    "Wait for it, stop it, or choose another directory with --out")
                {
                    MayPass = true,
                };
            }

            using Stream holder = files.Create(paths.Holder);
            holder.Write(LockHolder.Current().ToBytes());
            return new DirectoryLock(files, paths, held);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            held?.Dispose();
            throw Unusable(paths, e);
        }
    }

    /// <summary>Says that the directory cannot be used at all.</summary>
    public static RunStorageException Unusable(RunPaths paths, Exception cause)
    {
        string problem = cause is UnauthorizedAccessException ? "permission denied" : cause.Message.Split('\n')[0].TrimEnd('\r', '.');
        return new RunStorageException(paths.Root, $"cannot be made or written: {problem}", "Mend its permissions, or choose another directory with --out", cause);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            _files.Delete(_paths.Holder);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            // A name that stays is that of a process that ends soon: no obstacle to the next.
        }

        _held.Dispose();
    }
}
