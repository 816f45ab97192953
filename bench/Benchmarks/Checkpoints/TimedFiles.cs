using System.Diagnostics;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Benchmarks.Checkpoints;

/// <summary>The operating system's files; measures how long flushes to the disk take, and can leave them out.</summary>
internal sealed class TimedFiles : IRunFiles
{
    private long _flushing;
    private int _flushes;

    /// <summary>Whether flushes reach the disk.</summary>
    public bool Flushes { get; set; } = true;

    /// <summary>How often something was flushed.</summary>
    public int FlushCount => _flushes;

    /// <summary>Seconds in flushes, of all threads together.</summary>
    public double FlushSeconds => _flushing / (double)Stopwatch.Frequency;

    public bool FileExists(string path) => DiskFiles.Instance.FileExists(path);

    public IReadOnlyList<string> List(string folder, bool folders = false) => DiskFiles.Instance.List(folder, folders);

    public void CreateFolder(string path) => DiskFiles.Instance.CreateFolder(path);

    public Stream OpenRead(string path) => DiskFiles.Instance.OpenRead(path);

    public Stream Create(string path) => DiskFiles.Instance.Create(path);

    public Stream Append(string path) => DiskFiles.Instance.Append(path);

    public void Sync(Stream file) => Flush(() => DiskFiles.Instance.Sync(file));

    public void SyncFolder(string path) => Flush(() => DiskFiles.Instance.SyncFolder(path));

    public void Rename(string from, string to) => DiskFiles.Instance.Rename(from, to);

    public void Truncate(string path, long length) => DiskFiles.Instance.Truncate(path, length);

    public void Delete(string path) => DiskFiles.Instance.Delete(path);

    public IDisposable? TryLock(string path) => DiskFiles.Instance.TryLock(path);

    private void Flush(Action flush)
    {
        if (!Flushes)
        {
            return;
        }

        long begun = Stopwatch.GetTimestamp();
        flush();
        Interlocked.Add(ref _flushing, Stopwatch.GetTimestamp() - begun);
        Interlocked.Increment(ref _flushes);
    }
}
