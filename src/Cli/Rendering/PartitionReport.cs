using System.Globalization;
using FedLLM.Experiments.Partitions;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>What a written partition holds: sizes and labels of the shards as bars of text, and how to use it.</summary>
internal static class PartitionReport
{
    private const int MaxRows = 100;
    private const int MaxLabels = 30;
    private const int ShownLabels = 4;
    private const int Bins = 10;
    private const int BarWidth = 30;

    /// <summary>Writes the tables.</summary>
    public static void Write(TextWriter output, bool screen, string folder, WrittenPartition partition)
    {
        IAnsiConsole console = Tables.Console(output, screen);
        console.Write(Shards(partition));
        if (partition.Shards.Count > Bins)
        {
            console.Write(Sizes(partition));
        }

        if (partition.Labels() is { Count: > 0 } labels)
        {
            console.Write(Labels(labels));
        }

        int[] sizes = [.. partition.Shards.Select(s => s.Records).Order()];
        Tables.WriteFacts(
            output,
            ("written to", folder),
            ("clients", Figures.Count(sizes.Length)),
            ("records", Figures.Count(partition.Records)),
            ("of a client", $"{Figures.Count(sizes[0])} to {Figures.Count(sizes[^1])}, median {Figures.Count(sizes[sizes.Length / 2])}"),
            ("test set", partition.Test is { } test ? $"{Figures.Count(test.Records)} records" : "-"),
            ("to use it", $"data: {{path: {folder}/shards, format: {partition.Format}, partition: {{scheme: files}}}}"));
        if (partition.Test is not null)
        {
            Tables.WriteFacts(output, ("and its test set", $"evaluation: {{data: {folder}/test.jsonl}}"));
        }
    }

    /// <summary>Writes the same as a JSON document.</summary>
    public static void WriteJson(TextWriter output, string folder, WrittenPartition partition) => JsonResult.Write(output, json =>
    {
        json.WriteString("partition", folder);
        json.WriteString("format", partition.Format);
        json.WriteNumber("clients", partition.Shards.Count);
        json.WriteNumber("records", partition.Records);
        json.WriteStartArray("sizes");
        foreach (WrittenShard shard in partition.Shards)
        {
            json.WriteNumberValue(shard.Records);
        }

        json.WriteEndArray();
        json.WriteStartObject("labels");
        foreach ((string label, long records, int _) in partition.Labels())
        {
            json.WriteNumber(label, records);
        }

        json.WriteEndObject();
        json.WriteNumber("test_records", partition.Test?.Records ?? 0);
    });

    private static Table Shards(WrittenPartition partition)
    {
        Table table = Tables.New("#client", "name", "#records", string.Empty, "labels");
        double most = partition.Shards.Max(s => s.Records);
        for (int client = 0; client < Math.Min(MaxRows, partition.Shards.Count); client++)
        {
            WrittenShard shard = partition.Shards[client];
            table.Row(
                client.ToString(CultureInfo.InvariantCulture), shard.Name, Figures.Count(shard.Records), Bar(shard.Records / most), LabelsOf(shard));
        }

        if (partition.Shards.Count > MaxRows)
        {
            table.Row("...", $"{Figures.Count(partition.Shards.Count - MaxRows)} more", string.Empty, string.Empty, string.Empty);
        }

        return table;
    }

    private static Table Sizes(WrittenPartition partition)
    {
        Table table = Tables.New("#records of a client", "#clients", string.Empty);
        IReadOnlyList<(int From, int To, int Shards)> bins = SizeBins.Of([.. partition.Shards.Select(s => s.Records)], Bins);
        double most = bins.Max(b => b.Shards);
        foreach ((int from, int to, int shards) in bins)
        {
            table.Row(from == to ? Figures.Count(from) : $"{Figures.Count(from)} to {Figures.Count(to)}", Figures.Count(shards), Bar(shards / most));
        }

        return table;
    }

    private static Table Labels(IReadOnlyList<(string Label, long Records, int Shards)> labels)
    {
        Table table = Tables.New("label", "#records", "#clients with it", string.Empty);
        foreach ((string label, long records, int shards) in labels.Take(MaxLabels))
        {
            table.Row(label, Figures.Count(records), Figures.Count(shards), Bar((double)records / labels[0].Records));
        }

        if (labels.Count > MaxLabels)
        {
            table.Row($"{Figures.Count(labels.Count - MaxLabels)} more", string.Empty, string.Empty, string.Empty);
        }

        return table;
    }

    private static string LabelsOf(WrittenShard shard)
    {
        var byCount = shard.Labels.OrderByDescending(l => l.Value).ThenBy(l => l.Key, StringComparer.Ordinal).ToArray();
        string shown = string.Join(", ", byCount.Take(ShownLabels).Select(l => $"{l.Key} {Figures.Count(l.Value)}"));
        return byCount.Length > ShownLabels ? $"{shown}, {byCount.Length - ShownLabels} more" : shown;
    }

    // Whatever is there at all has a mark.
    private static string Bar(double share) => share > 0 ? new string('#', Math.Max(1, (int)Math.Round(share * BarWidth))) : string.Empty;
}
