using System.Security.Cryptography;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>Opens the few files of a run directory that may leave it. Names are fixed or hashes, and a link that leads out of the directory is not followed.</summary>
internal static class RunArtefacts
{
    private const int MaxConfigBytes = 1 << 20;

    /// <summary>The path of a stored adapter, or null where nothing is stored under that hash.</summary>
    public static string? Stored(string root, string hash)
    {
        if (hash.Length != 64 || !hash.All(char.IsAsciiHexDigitLower))
        {
            return null;
        }

        return Inside(root, Path.Combine(root, "store", hash[..2], hash + ".safetensors"));
    }

    /// <summary>Opens an adapter: the newest, or the one of a hash, which may be the newest too. Null where it is not there.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be read.</exception>
    public static AdapterFiles? Open(string root, string? hash)
    {
        string? config = Inside(root, Path.Combine(root, "adapter", "adapter_config.json"));
        string? newest = Inside(root, Path.Combine(root, "adapter", "adapter_model.safetensors"));
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
    public static Stream? OpenRounds(string root) => Inside(root, Path.Combine(root, "rounds.jsonl")) is { } path ? OpenShared(path) : null;

    // Whoever writes the run still can.
    private static FileStream OpenShared(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    private static string HashOf(string path)
    {
        using FileStream file = OpenShared(path);
        return Convert.ToHexStringLower(SHA256.HashData(file));
    }

    private static string? Inside(string root, string path)
    {
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
