using System.Globalization;
using System.Security.Cryptography;
using FedLLM.Data.Examples;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Partitions;

/// <summary>
/// Writes an experiment's partition as files that scheme <c>files</c> reads back to the same shards: <c>shards/client_0.jsonl</c> and so on, <c>test.jsonl</c> where the
/// cut keeps a test set, <c>manifest.json</c> with everything's hashes, and <c>histogram.svg</c>. Records stand as they stand in the data, one a line.
/// </summary>
/// <remarks>Everything is written and read back beside the folder first; one rename makes the folder, so that it is whole or not there.</remarks>
public static class PartitionFolder
{
    /// <summary>Cuts the experiment's data and writes the parts.</summary>
    /// <param name="experiment">The experiment; its model is not read.</param>
    /// <param name="destination">The folder to write; absent or empty.</param>
    /// <param name="cancellationToken">Stops between shards; nothing stays.</param>
    /// <exception cref="InputFileException">The data cannot be read or cut, the folder is not empty, or the operating system refuses.</exception>
    public static WrittenPartition Write(Experiment experiment, string destination, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(destination);
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(destination));
        RequireFresh(target, destination);
        CutData cut = CutData.Of(experiment);
        string staging = Path.Combine(
            Path.GetDirectoryName(target) ?? target, string.Create(CultureInfo.InvariantCulture, $".{Path.GetFileName(target)}.{Environment.ProcessId}.partial"));
        try
        {
            Directory.CreateDirectory(Path.Combine(staging, "shards"));
            (WrittenShard[] shards, WrittenShard? test) = WriteShards(experiment, cut, staging, cancellationToken);
            var written = new WrittenPartition(shards, test, ReadableFormat(experiment, cut, shards, test, staging, cancellationToken));
            WriteFile(Path.Combine(staging, "histogram.svg"), stream => PartitionChart.Write(stream, experiment.Name, written));
            WriteFile(Path.Combine(staging, "manifest.json"), stream => PartitionManifest.Write(stream, experiment, cut.Fingerprint, written));
            cancellationToken.ThrowIfCancellationRequested();
            RequireFresh(target, destination);
            if (Directory.Exists(target))
            {
                Directory.Delete(target);
            }

            Directory.Move(staging, target);
            return written;
        }
        catch (Exception e)
        {
            Remove(staging);
            if (e is IOException or UnauthorizedAccessException)
            {
                throw new InputFileException(destination, null, $"cannot be written: {e.Message.TrimEnd('.')}", "Check the path, its permissions and the free space of the disk", e);
            }

            throw;
        }
    }

    private static (WrittenShard[] Shards, WrittenShard? Test) WriteShards(Experiment experiment, CutData cut, string staging, CancellationToken cancellationToken)
    {
        var lines = new RecordLines();
        var shards = new WrittenShard[cut.Partition.Clients];
        for (int client = 0; client < shards.Length; client++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            shards[client] = WriteShard(
                staging, cut.Partition.Name(client), string.Create(CultureInfo.InvariantCulture, $"shards/client_{client}.jsonl"), cut.Partition.Read(client), lines);
            if (experiment.Data.Partition.Scheme == PartitionScheme.Files)
            {
                lines.Clear(); // no other client has records of this file
            }
        }

        return (shards, cut.Test is null ? null : WriteShard(staging, "test", "test.jsonl", cut.Test, lines));
    }

    private static WrittenShard WriteShard(string staging, string name, string file, IEnumerable<Example> examples, RecordLines lines)
    {
        var labels = new SortedDictionary<string, int>(StringComparer.Ordinal);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        int records = 0;
        long bytes = 0;
        WriteFile(Path.Combine(staging, file), stream =>
        {
            foreach (Example example in examples)
            {
                Append(stream, lines.At(example.Source).Span);
                Append(stream, "\n"u8);
                records++;
                if (example.Category is { } label)
                {
                    labels[label] = labels.GetValueOrDefault(label) + 1;
                }
            }
        });
        return new WrittenShard(name, file, records, labels, bytes, Convert.ToHexStringLower(hash.GetHashAndReset()));

        void Append(Stream stream, ReadOnlySpan<byte> part)
        {
            stream.Write(part);
            hash.AppendData(part);
            bytes += part.Length;
        }
    }

    // The first format with which every file reads back to the examples it was written from.
    private static string ReadableFormat(
        Experiment experiment, CutData cut, WrittenShard[] shards, WrittenShard? test, string staging, CancellationToken cancellationToken)
    {
        SampleKind kind = experiment.Task == TaskKind.Dpo ? SampleKind.Pair : SampleKind.Sequence;
        RecordFormat?[] given = [.. experiment.Data.AllSources().Select(s => s.Format).Distinct()];
        RecordFormat mixed = kind == SampleKind.Pair ? RecordFormat.MixedPairs : RecordFormat.Mixed;
        foreach (RecordFormat? format in given.Length == 1 && given[0] is not null ? given : [null, mixed])
        {
            var reader = new ExampleReader(format, experiment.Data.Partition.Field ?? "category", kind: kind);
            bool same = shards.Index().All(s =>
            {
                cancellationToken.ThrowIfCancellationRequested();
                return ReadsBack(reader, Path.Combine(staging, s.Item.File), cut.Partition.Read(s.Index));
            });
            if (same && (test is null || ReadsBack(reader, Path.Combine(staging, test.File), cut.Test!)))
            {
                return format?.Name ?? "auto";
            }
        }

        throw new InputFileException(
            cut.Origin, null, "its sources have formats that one file cannot hold together", "Set data.partition.by_source to true, or bring the sources into one format");
    }

    private static bool ReadsBack(ExampleReader reader, string file, IEnumerable<Example> examples)
    {
        try
        {
            return reader.Read(file).SequenceEqual(examples, SameExample.Instance);
        }
        catch (InputFileException)
        {
            return false;
        }
    }

    private static void WriteFile(string path, Action<Stream> write)
    {
        using var stream = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16);
        write(stream);
        stream.Flush(flushToDisk: true);
    }

    private static void RequireFresh(string target, string shown)
    {
        if (File.Exists(target))
        {
            throw new InputFileException(shown, null, "is a file", "Choose another output folder");
        }

        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new InputFileException(shown, null, "the folder is not empty", "Choose a new output folder");
        }
    }

    private static void Remove(string staging)
    {
        try
        {
            Directory.Delete(staging, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The error that led here is the one to report.
        }
    }

    // Equal but for where they stand.
    private sealed class SameExample : IEqualityComparer<Example>
    {
        public static readonly SameExample Instance = new();

        public bool Equals(Example? x, Example? y) => (x, y) switch
        {
            (InstructionExample a, InstructionExample b) => a with { Source = default } == b with { Source = default },
            (DialogueExample a, DialogueExample b) => (a.System, a.Category) == (b.System, b.Category) && a.Turns.SequenceEqual(b.Turns),
            (PreferenceExample a, PreferenceExample b) =>
                (a.System, a.Category, a.Chosen, a.Rejected) == (b.System, b.Category, b.Chosen, b.Rejected) && a.Prompt.SequenceEqual(b.Prompt),
            _ => false,
        };

        public int GetHashCode(Example obj) => throw new NotSupportedException();
    }
}
