using System.Text.Json;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>Writes and reads the lines of <c>rounds.jsonl</c>.</summary>
public static class RoundLines
{
    /// <summary>Returns a record as one line of JSON, its line feed included. Numbers that are not finite become null.</summary>
    public static byte[] ToBytes(RoundRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        return [.. JsonSerializer.SerializeToUtf8Bytes(record, RoundsJson.Default.RoundRecord), (byte)'\n'];
    }

    /// <summary>Reads the whole lines of a <c>rounds.jsonl</c>, also while it is written; none where there is no such file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="files">The file system; the operating system's by default.</param>
    /// <exception cref="RunStorageException">The file cannot be read, or a line is not a round's record.</exception>
    public static IReadOnlyList<RoundRecord> Read(string path, IRunFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Parse((files ?? DiskFiles.Instance).ReadWhole(path) ?? [], path);
    }

    /// <summary>Reads the whole lines of <paramref name="bytes"/>; what follows the last line feed is not read.</summary>
    /// <param name="bytes">Lines as <see cref="ToBytes"/> writes them.</param>
    /// <param name="source">Where they come from, for the error.</param>
    /// <exception cref="RunStorageException">A line is not a round's record.</exception>
    public static IReadOnlyList<RoundRecord> Parse(ReadOnlySpan<byte> bytes, string source)
    {
        ArgumentNullException.ThrowIfNull(source);
        var records = new List<RoundRecord>();
        int start = 0;
        for (int length = bytes.IndexOf((byte)'\n'); length >= 0; length = bytes[start..].IndexOf((byte)'\n'))
        {
            try
            {
                records.Add(JsonSerializer.Deserialize(bytes.Slice(start, length), RoundsJson.Default.RoundRecord)!);
            }
            catch (JsonException e)
            {
                string problem = FormattableString.Invariant($"line {records.Count + 1} is not a round's record");
                throw new RunStorageException(source, problem, "Run or resume the experiment: it writes the file anew", e);
            }

            start += length + 1;
        }

        return records;
    }
}
