using System.Text.Json;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Writes and reads the file of one checkpoint: the manifest on one line, with its checksum.</summary>
internal static class ManifestFile
{
    /// <summary>Writes a manifest durably and returns its checksum.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public static string Write(IRunFiles files, string path, Manifest manifest)
    {
        (byte[] line, string check) = CheckedLine.Encode(JsonSerializer.SerializeToUtf8Bytes(manifest, JournalJson.Default.Manifest), string.Empty);
        files.WriteWhole(path, line);
        return check;
    }

    /// <summary>Reads a manifest; null where it is not whole or not that round's.</summary>
    /// <exception cref="RunStorageException">The file cannot be read.</exception>
    public static Manifest? Read(IRunFiles files, string path, int round)
    {
        if (!CheckedLine.TryDecodeFile(files.ReadWhole(path), out ReadOnlySpan<byte> entry))
        {
            return null;
        }

        try
        {
            Manifest? manifest = JsonSerializer.Deserialize(entry, JournalJson.Default.Manifest);
            return manifest?.Round == round ? manifest : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
