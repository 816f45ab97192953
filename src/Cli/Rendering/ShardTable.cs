using System.Globalization;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>What the clients hold, shown before a run: counts, exclusions and truncations, labels, and a warning where much is excluded.</summary>
internal static class ShardTable
{
    private const int MaxRows = 100;
    private const int MaxWarnings = 20;
    private const int ShownLabels = 3;

    /// <summary>Writes the table and its warnings.</summary>
    public static void Write(TextWriter output, bool screen, IReadOnlyList<ShardReport> reports)
    {
        // How many of each client's own samples are held out stands beside those it trains on, where clients are measured on them.
        bool own = reports.Count > 0 && reports[0].HeldOut is not null;
        Table table = Tables.New(["#client", "name", "#samples", "#usable", .. HeldOut("#held out"), "excluded", "truncated", "#tokens", "labels"]);
        foreach (ShardReport report in reports.Take(MaxRows))
        {
            SampleTally tally = report.Tally;
            table.Row([
                report.Client.ToString(CultureInfo.InvariantCulture), report.Name, Figures.Count(tally.Records), Figures.Count(tally.Usable),
                .. HeldOut(Figures.Count(report.HeldOut?.Usable ?? 0)), tally.DescribeExclusions(), tally.DescribeTruncations(), Figures.Count(tally.Tokens), Labels(tally),
            ]);
        }

        if (reports.Count > MaxRows)
        {
            table.Row([
                "...", $"{Figures.Count(reports.Count - MaxRows)} more", string.Empty, string.Empty, .. HeldOut(string.Empty), string.Empty, string.Empty, string.Empty,
                string.Empty,
            ]);
        }

        table.Row([
            "all", string.Empty, Figures.Count(reports.Sum(r => (long)r.Tally.Records)), Figures.Count(reports.Sum(r => (long)r.Tally.Usable)),
            .. HeldOut(Figures.Count(own ? reports.Sum(r => (long)r.HeldOut!.Usable) : 0)),
            string.Empty, AllTruncations(reports), Figures.Count(reports.Sum(r => r.Tally.Tokens)), string.Empty,
        ]);
        Tables.Console(output, screen).Write(table);

        string[] warnings = [.. reports.Select(r => r.Warning).OfType<string>()];
        foreach (string warning in warnings.Take(MaxWarnings))
        {
            output.WriteLine("warning: " + Failure.OneLine(warning));
        }

        if (warnings.Length > MaxWarnings)
        {
            output.WriteLine($"warning: the same holds for {warnings.Length - MaxWarnings} more clients");
        }

        string[] HeldOut(string cell) => own ? [cell] : [];
    }

    /// <summary>The warning where much of <paramref name="what"/> is excluded.</summary>
    public static string Warning(string what, SampleTally tally) => string.Create(
        CultureInfo.InvariantCulture, $"warning: {what}: {100 * tally.ExcludedShare:F1} % of its {tally.Records} records are excluded: {tally.DescribeExclusions()}");

    // How much was truncated is for one look: of all clients together, as a share, and the tokens it took.
    private static string AllTruncations(IReadOnlyList<ShardReport> reports)
    {
        double usable = Math.Max(1, reports.Sum(r => (long)r.Tally.Usable));
        string Share(Truncation part, string name)
        {
            int count = reports.Sum(r => r.Tally.Truncated.GetValueOrDefault(part));
            long cut = reports.Sum(r => r.Tally.Cut.Of(part));
            return count == 0 ? string.Empty : string.Create(CultureInfo.InvariantCulture, $"{100 * count / usable:F1} % of {name} (-{cut:N0} tokens)");
        }

        return string.Join(", ", ((string[])[Share(Truncation.Prompt, "prompts"), Share(Truncation.Answer, "answers")]).Where(s => s.Length > 0));
    }

    private static string Labels(SampleTally tally)
    {
        var byCount = tally.Labels.OrderByDescending(l => l.Value).ThenBy(l => l.Key, StringComparer.Ordinal).ToArray();
        string shown = string.Join(", ", byCount.Take(ShownLabels).Select(l => $"{l.Key} {Figures.Count(l.Value)}"));
        return byCount.Length > ShownLabels ? $"{shown}, {byCount.Length - ShownLabels} more" : shown;
    }
}
