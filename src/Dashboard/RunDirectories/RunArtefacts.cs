using System.Security.Cryptography;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>Opens the few files of a run directory that may leave it. Names are fixed or hashes, and a link that leads out of the directory is not followed.</summary>
internal static class RunArtefacts
{
    private const int MaxConfigBytes = 1 << 20;

    private const string ConfigName = "adapter/adapter_config.json";
    private const string WeightsName = "adapter/adapter_model.safetensors";

    /// <summary>The names in a run directory, with '/' between their parts, of the files of which <see cref="Open"/> makes an adapter.</summary>
    public static IReadOnlyList<string> NamesOf(string? hash) => hash is not null && StoredName(hash) is { } stored ? [ConfigName, WeightsName, stored] : [ConfigName, WeightsName];

    /// <summary>The path of a stored adapter, or null where nothing is stored under that hash.</summary>
    public static string? Stored(string root, string hash) => StoredName(hash) is { } name ? Inside(root, name) : null;

    /// <summary>Opens an adapter: the newest, or the one of a hash, which may be the newest too. Null where it is not there.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be read.</exception>
    public static AdapterFiles? Open(string root, string? hash)
    {
        string? config = Inside(root, ConfigName);
        string? newest = Inside(root, WeightsName);
        try
        {
            string? weights = hash is null ? newest : Stored(root, hash) ?? (newest is not null && HashOf(newest) == hash ? newest : null);
            return config is null || weights is null || new FileInfo(config).Length > MaxConfigBytes ? null : new AdapterFiles(File.ReadAllBytes(config), OpenShared(weights));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null; // an old checkpoint went meanwhile
        }
    }

    /// <summary>Opens <c>rounds.jsonl</c>, or returns null where there is none.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be read.</exception>
    public static Stream? OpenRounds(string root) => Inside(root, "rounds.jsonl") is { } path ? OpenShared(path) : null;

    private static string? StoredName(string hash) => hash.Length == 64 && hash.All(char.IsAsciiHexDigitLower) ? $"store/{hash[..2]}/{hash}.safetensors" : null;

    // Whoever writes the run still can.
    private static FileStream OpenShared(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static string HashOf(string path)
    {
        using FileStream file = OpenShared(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string? Inside(string root, string name)
    {
        string path = Path.Combine(root, name);
        if (!File.Exists(path))
        {
            return null;
        }

        string real = Real(path);
        string home = Real(root);
        return real.StartsWith(home + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? path : null;
    }

    // Every part of the path may be a link.
    private static string Real(string path)
    {
        string full = Path.GetFullPath(path);
        string? parent = Path.GetDirectoryName(full);
        if (parent is null)
        {
            return full;
        }

        string here = Path.Combine(Real(parent), Path.GetFileName(full));
        FileSystemInfo entry = Directory.Exists(here) ? new DirectoryInfo(here) : new FileInfo(here);
        return entry.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? here;
    }
}
