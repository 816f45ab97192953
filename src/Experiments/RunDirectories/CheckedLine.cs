using System.Security.Cryptography;
using System.Text;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// A line of JSON with its checksum: <c>{"check":"…","entry":{…}}</c>. The checksum covers the entry's bytes and the checksum of the line before, so that
/// a line stands only where every line before it does.
/// </summary>
internal static class CheckedLine
{
    private const int CheckLength = 32; // hexadecimal digits: the first half of a SHA-256

    private static ReadOnlySpan<byte> Head => "{\"check\":\""u8;

    private static ReadOnlySpan<byte> Middle => "\",\"entry\":"u8;

    /// <summary>Returns the line, its line feed included, and its checksum.</summary>
    /// <param name="entry">A JSON object on one line.</param>
    /// <param name="previous">The checksum of the line before; empty for the first.</param>
    public static (byte[] Line, string Check) Encode(ReadOnlySpan<byte> entry, string previous)
    {
        string check = Compute(entry, previous);
        return ([.. Head, .. Encoding.ASCII.GetBytes(check), .. Middle, .. entry, (byte)'}', (byte)'\n'], check);
    }

    /// <summary>Takes a line (without its line feed) apart; false where it is not whole.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> line, string previous, out ReadOnlySpan<byte> entry, out string check)
    {
        entry = default;
        check = string.Empty;
        int start = Head.Length + CheckLength + Middle.Length;
        if (line.Length <= start
            || !line.StartsWith(Head)
            || !line[(Head.Length + CheckLength)..start].SequenceEqual(Middle)
            || line[^1] != (byte)'}')
        {
            return false;
        }

        entry = line[start..^1];
        check = Compute(entry, previous);
        return line.Slice(Head.Length, CheckLength).SequenceEqual(Encoding.ASCII.GetBytes(check));
    }

    /// <summary>Takes a file apart that is one such line; false where it is not whole.</summary>
    public static bool TryDecodeFile(ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> entry)
    {
        entry = default;
        return bytes.Length > 0 && bytes[^1] == (byte)'\n' && TryDecode(bytes[..^1], string.Empty, out entry, out _);
    }

    private static string Compute(ReadOnlySpan<byte> entry, string previous)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.ASCII.GetBytes(previous));
        hash.AppendData(entry);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..CheckLength];
    }
}
