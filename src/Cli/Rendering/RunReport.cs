using System.Globalization;
using System.Text;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>A run that has ended, wherever it ran.</summary>
/// <param name="Place">Its directory, or its address on a cluster.</param>
/// <param name="AdapterFolder">The folder of the final adapter on this machine; null where it was not fetched.</param>
/// <param name="AdapterHash">SHA-256, lower-case hex, of the adapter's <c>adapter_model.safetensors</c>.</param>
/// <param name="Rounds">Every round's record, from round 0.</param>
internal sealed record ReportedRun(string Place, string? AdapterFolder, string AdapterHash, IReadOnlyList<RoundRecord> Rounds)
{
    /// <summary>Takes a run of this process.</summary>
    public static ReportedRun Of(RunResult result) => new(result.Directory, result.AdapterFolder, result.AdapterHash, result.Rounds);
}

/// <summary>The result of a run: what was measured, round by round, and where the final adapter is.</summary>
internal static class RunReport
{
    /// <summary>Writes the result for people.</summary>
    public static void Write(TextWriter output, bool screen, ReportedRun result)
    {
        RoundRecord[] evaluated = [.. result.Rounds.Where(r => r.Evaluation is { Count: > 0 })];
        string[] suites = [.. evaluated.SelectMany(r => r.Evaluation!.Keys).Distinct(StringComparer.Ordinal)];
        if (evaluated.Length > 0)
        {
            Table table = Tables.New(["#round", "#train loss", .. suites.Select(Heading)]);
            foreach (RoundRecord record in evaluated)
            {
                table.Row([
                    record.Round.ToString(CultureInfo.InvariantCulture),
                    Figures.Measure(record.TrainLoss),
                    .. suites.Select(s => Figures.Measure(record.Evaluation!.TryGetValue(s, out double value) ? value : null)),
                ]);
            }

            Tables.Console(output, screen).Write(table);
        }

        PersonalReport.Write(output, screen, result.Rounds);
        if (result.Rounds.LastOrDefault()?.Ended is { } ended)
        {
            output.WriteLine("ended early: " + Failure.OneLine(ended));
        }

        Tables.WriteFacts(
            output,
            ("rounds", Rounds(result)),
            ("train loss", Figures.Measure(result.Rounds.LastOrDefault(r => r.TrainLoss is not null)?.TrainLoss)),
            ("run", result.Place),
            ("adapter", result.AdapterFolder ?? "-"),
            ("sha256", result.AdapterHash));
    }

    /// <summary>Writes the result for machines: <c>rounds</c> are the objects of <c>rounds.jsonl</c>.</summary>
    public static void WriteJson(TextWriter output, string name, ReportedRun result) => JsonResult.Write(output, document =>
    {
        document.WriteString("name", name);
        document.WriteString("directory", result.Place);
        document.WriteString("adapter_directory", result.AdapterFolder);
        document.WriteString("adapter", result.AdapterHash);
        PersonalReport.WriteJson(document, result.Rounds);
        document.WriteStartArray("rounds");
        foreach (RoundRecord record in result.Rounds)
        {
            document.WriteRawValue(Encoding.UTF8.GetString(RoundLines.ToBytes(record)).TrimEnd('\n'));
        }

        document.WriteEndArray();
    });

    /// <summary>A suite's column.</summary>
    public static string Heading(string suite) => suite == "loss" ? "#held-out loss" : "#" + suite;

    private static string Rounds(ReportedRun result)
    {
        int done = result.Rounds.Count == 0 ? 0 : result.Rounds[^1].Round;
        int abandoned = result.Rounds.Count(r => r.Abandoned is not null);
        return abandoned == 0 ? Figures.Count(done) : $"{Figures.Count(done)}, {Figures.Count(abandoned)} of them abandoned";
    }
}
