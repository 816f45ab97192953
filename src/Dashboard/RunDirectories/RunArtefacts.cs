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

    /// <summary>Opens an adapter: the newest, or a stored one. Null where it is not there.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file cannot be read.</exception>
    public static AdapterFiles? Open(string root, string? hash)
    {
        string? config = Inside(root, Path.Combine(root, "adapter", "adapter_config.json"));
        string? weights = hash is null ? Inside(root, Path.Combine(root, "adapter", "adapter_model.safetensors")) : Stored(root, hash);
        if (config is null || weights is null || new FileInfo(config).Length > MaxConfigBytes)
        {
            return null;
        }

        try
        {
            return new AdapterFiles(
                File.ReadAllBytes(config), new FileStream(weights, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (FileNotFoundException)
        {
            return null; // an old checkpoint went meanwhile
        }
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
