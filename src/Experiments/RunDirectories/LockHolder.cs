using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>The process that works on a run directory.</summary>
/// <param name="ProcessId">Its id.</param>
/// <param name="Host">The machine it runs on.</param>
/// <param name="Started">When it started, UTC.</param>
/// <param name="Stamp">What tells it from a later process of the same id.</param>
public sealed record LockHolder(int ProcessId, string Host, string Started, string Stamp)
{
    /// <summary>This process.</summary>
    internal static LockHolder Current()
    {
        using var process = Process.GetCurrentProcess();
        string started = process.StartTime.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture);
        return new LockHolder(process.Id, Environment.MachineName, started, StampOf(process.Id) ?? string.Empty);
    }

    /// <summary>Returns the living process that works on the run in <paramref name="directory"/>, or null. Nothing but one small file is read.</summary>
    public static LockHolder? Of(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        return Read(DiskFiles.Instance, new RunPaths(Path.GetFullPath(directory)).Holder) is { } named && named.IsAlive() ? named : null;
    }

    /// <summary>Whether the process lives, as far as this machine can tell: one of another machine does not.</summary>
    public bool IsAlive() => Host == Environment.MachineName && Stamp.Length > 0 && StampOf(ProcessId) == Stamp;

    /// <summary>Returns the holder in words: <c>process 17 on host, started 2026-01-31 12:00:00 UTC</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"process {ProcessId} on {Host}, started {Started}");

    /// <summary>Reads the file that names the holder; null where nobody is named.</summary>
    internal static LockHolder? Read(IRunFiles files, string path)
    {
        try
        {
            return files.ReadWhole(path) is { Length: > 0 } bytes ? JsonSerializer.Deserialize(bytes, LockJson.Default.LockHolder) : null;
        }
        catch (Exception e) when (e is JsonException or RunStorageException)
        {
            // Half a line, or one that is being written: nobody can be named.
            return null;
        }
    }

    /// <summary>Returns the file's content.</summary>
    internal byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(this, LockJson.Default.LockHolder);

    // Linux's own start time is exact; .NET's is derived from it with another rounding in every process.
    private static string? StampOf(int processId)
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{processId}/stat"));
                string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                return fields[0] is "Z" or "X" ? null : fields[19]; // the third field and the 22nd, proc(5); a zombie is dead
            }

            using var process = Process.GetProcessById(processId);
            return (process.StartTime.ToUniversalTime().Ticks / TimeSpan.TicksPerSecond).ToString(CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException or System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LockHolder))]
internal sealed partial class LockJson : JsonSerializerContext;
