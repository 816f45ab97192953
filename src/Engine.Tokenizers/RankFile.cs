using System.Globalization;
using System.Text;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenizers;

/// <summary>A tiktoken rank file: a line for each token, its bytes in base64, a space and its rank, which is its id.</summary>
internal static class RankFile
{
    private const long MostBytes = 64L << 20;
    private const int MostTokens = 1 << 22;
    private const int LongestLine = 1024;

    /// <summary>Whether a file begins as a rank file does; false where there is none.</summary>
    public static bool IsOne(string path)
    {
        if (!File.Exists(path))
        {
            return false;
        }

        byte[] begin = new byte[LongestLine];
        using FileStream stream = File.OpenRead(path);
        int count = stream.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false);
        int end = begin.AsSpan(0, count).IndexOf((byte)'\n');
        return end > 0 && Encoding.Latin1.GetString(begin, 0, end).TrimEnd('\r').Split(' ') is [{ Length: > 0 } token, { Length: > 0 } rank]
            && Convert.TryFromBase64String(token, new byte[token.Length], out _) && rank.All(char.IsAsciiDigit);
    }

    /// <summary>Reads the tokens' bytes by id.</summary>
    /// <exception cref="InputFileException">The file is missing, too large or damaged; the message names the line.</exception>
    public static IReadOnlyDictionary<int, byte[]> Read(string path)
    {
        var file = new FileInfo(path);
        if (!file.Exists)
        {
            throw new InputFileException(path, null, "there is no such file", "Give a tiktoken rank file, such as the tokenizer.model of an original Llama 3");
        }

        if (file.Length > MostBytes)
        {
            throw new InputFileException(path, null, $"has {file.Length} bytes; a rank file has at most {MostBytes}", "Give a tiktoken rank file");
        }

        var tokens = new Dictionary<int, byte[]>();
        var seen = new HashSet<string>(StringComparer.Ordinal);
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (line.Length == 0)
            {
                continue;
            }

            string[] parts = line.Split(' ');
            byte[] bytes = new byte[parts[0].Length];
            if (parts.Length != 2 || !Convert.TryFromBase64String(parts[0], bytes, out int written) || written == 0
                || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int rank) || rank >= MostTokens)
            {
                throw new InputFileException(path, $"line {number}", "is not a token in base64, a space and a rank", "Give a tiktoken rank file, whole and as it was published");
            }

            if (!tokens.TryAdd(rank, bytes[..written]) || !seen.Add(parts[0]))
            {
                throw new InputFileException(path, $"line {number}", "repeats a token or a rank", "Give a tiktoken rank file, whole and as it was published");
            }
        }

        HashSet<int> single = [.. tokens.Values.Where(b => b.Length == 1).Select(b => (int)b[0])];
        return single.Count == 256
            ? tokens
            : throw new InputFileException(path, null, $"has tokens for {single.Count} of the 256 single bytes", "Give a tiktoken rank file, whole and as it was published");
    }
}
