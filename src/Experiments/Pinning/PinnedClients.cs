using System.Security.Cryptography;
using System.Text.Json;
using FedLLM.Data.Files;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Pinning;

/// <summary>
/// The clients of a run whose shards are pinned to silos, as the silos registered them: numbered in natural order of all their names, so that they are those of
/// the same files in one folder. They are kept in the run directory and stay for the run.
/// </summary>
public sealed class PinnedClients
{
    private PinnedClients(IReadOnlyList<PinnedShard> shards)
    {
        Shards = shards;
        Fingerprint = DataFingerprint.Of(shards.Select(s => (s.File, s.Digest)));
        Version = Convert.ToHexStringLower(SHA256.HashData(ToBytes()));
    }

    /// <summary>Their shards, in the order of their ids.</summary>
    public IReadOnlyList<PinnedShard> Shards { get; }

    /// <summary>The data's fingerprint, as if all files lay in one folder.</summary>
    public string Fingerprint { get; }

    /// <summary>Tells two registrations apart, silos and counts included.</summary>
    internal string Version { get; }

    /// <summary>Numbers clients.</summary>
    /// <param name="shards">All silos' shards, in any order.</param>
    /// <exception cref="InputFileException">Two have one name.</exception>
    public static PinnedClients Of(IEnumerable<PinnedShard> shards)
    {
        PinnedShard[] sorted = [.. shards];
        Array.Sort(sorted, (a, b) => NaturalOrder.Comparer.Compare(a.Name, b.Name) is not 0 and int order ? order : string.CompareOrdinal(a.File, b.File));
        foreach ((PinnedShard first, PinnedShard second) in sorted.Zip(sorted.Skip(1)).Where(pair => pair.First.Name == pair.Second.Name))
        {
            throw new InputFileException(
                second.File, null, $"silos {first.Silo} and {second.Silo} both register a shard {first.Name}, and names tell clients apart", "Rename one of them");
        }

        return new PinnedClients(sorted);
    }

    /// <summary>Reads those of a run; null where none are registered, or not wholly.</summary>
    /// <param name="directory">The run directory.</param>
    /// <param name="files">What it is kept on.</param>
    /// <exception cref="RunStorageException">They cannot be read.</exception>
    public static PinnedClients? Read(string directory, IRunFiles files)
    {
        ArgumentNullException.ThrowIfNull(files);
        string path = new RunPaths(directory).Pinned;
        if (!CheckedLine.TryDecodeFile(files.ReadWhole(path), out ReadOnlySpan<byte> entry))
        {
            return null;
        }

        try
        {
            PinnedEntry[] shards = JsonSerializer.Deserialize(entry, PinnedJson.Default.PinnedEntryArray) ?? [];
            return shards.Any(s => s.File != Path.GetFileName(s.File) || !ContentFolder.IsHash(s.Digest)) ? null : Of(shards.Select(s => s.ToShard()));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Keeps them in the run directory, durably.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void Write(string directory, IRunFiles files)
    {
        ArgumentNullException.ThrowIfNull(files);
        var paths = new RunPaths(directory);
        try
        {
            files.CreateFolder(paths.Root);
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw RunStorageException.Unwritable(paths.Root, e);
        }

        (byte[] line, _) = CheckedLine.Encode(ToBytes(), string.Empty);
        files.WriteWhole(paths.Pinned, line);
    }

    private byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes([.. Shards.Select(PinnedEntry.Of)], PinnedJson.Default.PinnedEntryArray);
}
