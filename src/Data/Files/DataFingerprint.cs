using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Files;

/// <summary>Identifies a list of data files by content, for the identity of an experiment.</summary>
public static class DataFingerprint
{
    /// <summary>
    /// Returns the SHA-256, in lower-case hex, over every file's name (its length in UTF-8 bytes as 32 bits little-endian, then the bytes) and the SHA-256 of
    /// its bytes as they stand on disk. Folders are left out, so a moved dataset keeps its fingerprint; order counts, because it numbers the clients.
    /// </summary>
    /// <exception cref="InputFileException">A file cannot be read.</exception>
    public static string Compute(IEnumerable<string> files) => Of(files.Select(file => (Path.GetFileName(file), Digest(file))));

    /// <summary>As <see cref="Compute"/>, of files that lie elsewhere, by their names and digests.</summary>
    /// <param name="files">Each file's name without its folder, and its <see cref="Digest"/>.</param>
    public static string Of(IEnumerable<(string Name, string Digest)> files)
    {
        ArgumentNullException.ThrowIfNull(files);
        using var all = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> length = stackalloc byte[4];
        foreach ((string file, string digest) in files)
        {
            byte[] name = Encoding.UTF8.GetBytes(file);
            BinaryPrimitives.WriteInt32LittleEndian(length, name.Length);
            all.AppendData(length);
            all.AppendData(name);
            all.AppendData(Convert.FromHexString(digest));
        }

        return Convert.ToHexStringLower(all.GetHashAndReset());
    }

    /// <summary>Returns the fingerprint of several sources by theirs: that of the only one, or the SHA-256 over all of them in their order.</summary>
    public static string Join(IReadOnlyList<string> fingerprints)
    {
        ArgumentNullException.ThrowIfNull(fingerprints);
        return fingerprints.Count == 1 ? fingerprints[0] : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join('\n', fingerprints))));
    }

    /// <summary>Returns the SHA-256, in lower-case hex, of a file's bytes.</summary>
    /// <exception cref="InputFileException">It cannot be read.</exception>
    public static string Digest(string file)
    {
        try
        {
            using FileStream stream = File.OpenRead(file);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputFileException(file, null, "it cannot be read", "Check the path and its permissions", e);
        }
    }
}
