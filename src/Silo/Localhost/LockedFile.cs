using System.Text.Json;
using System.Text.Json.Serialization;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Silo.Localhost;

/// <summary>
/// A small file that the processes of one machine change in turn, under a lock of the kernel's, which ends with its holder. A reader finds the old content or the
/// new one, never a part of either, after a crash as well.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="clock">Measures the wait for the lock.</param>
internal sealed class LockedFile(string path, TimeProvider clock)
{
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _lock = path + ".lock";
    private readonly string _unfinished = path + ".tmp";

    /// <summary>Reads the file; null where there is none.</summary>
    public byte[]? Read()
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Changes the file: what <paramref name="change"/> makes of its content, or nothing where it makes null.</summary>
    /// <exception cref="TimeoutException">Another process held the lock for seconds.</exception>
    public async Task<bool> ChangeAsync(Func<byte[]?, byte[]?> change)
    {
        using IDisposable held = await LockAsync().ConfigureAwait(false);
        if (change(Read()) is not { } content)
        {
            return false;
        }

        using (Stream stream = DiskFiles.Instance.Create(_unfinished))
        {
            stream.Write(content);
            DiskFiles.Instance.Sync(stream);
        }

        DiskFiles.Instance.Rename(_unfinished, path);
        DiskFiles.Instance.SyncFolder(Path.GetDirectoryName(path)!);
        return true;
    }

    private async Task<IDisposable> LockAsync()
    {
        long begun = clock.GetTimestamp();
        while (true)
        {
            if (DiskFiles.Instance.TryLock(_lock) is { } held)
            {
                return held;
            }

            if (clock.GetElapsedTime(begun) > Patience)
            {
                throw new TimeoutException($"{_lock} has been held by another process for {Patience.TotalSeconds} seconds.");
            }

            await Task.Delay(Retry, clock).ConfigureAwait(false);
        }
    }
}

/// <summary>A <see cref="LockedFile"/> of JSON.</summary>
/// <param name="path">The file.</param>
/// <param name="clock">Measures the wait for the lock.</param>
internal sealed class LockedTable<T>(string path, TimeProvider clock)
    where T : class, new()
{
    private static readonly JsonSerializerOptions Options = new() { WriteIndented = true, Converters = { new JsonStringEnumConverter() } };

    private readonly LockedFile _file = new(path, clock);

    /// <summary>Reads it; empty where there is no file.</summary>
    public T Read() => Parse(_file.Read());

    /// <summary>Changes it; nothing is written where <paramref name="change"/> says false.</summary>
    public Task<bool> ChangeAsync(Func<T, bool> change) => _file.ChangeAsync(bytes =>
    {
        T table = Parse(bytes);
        return change(table) ? JsonSerializer.SerializeToUtf8Bytes(table, Options) : null;
    });

    private static T Parse(byte[]? bytes) => bytes is null ? new T() : JsonSerializer.Deserialize<T>(bytes, Options) ?? new T();
}
