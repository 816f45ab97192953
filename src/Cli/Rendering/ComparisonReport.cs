using System.Globalization;
using System.Text.Json;
using FedLLM.Experiments.RunDirectories;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>What runs reached, with their differences from the first, and the course of each against rounds, tokens, bytes and time.</summary>
internal static class ComparisonReport
{
    private const int PointsWithoutEvaluation = 10;

    /// <summary>Writes two tables: a line for each run, then a line for each of their evaluated rounds.</summary>
    public static void Write(TextWriter output, bool screen, IReadOnlyList<ComparedRun> runs)
    {
        string[] suites = Suites(runs);
        bool isSimulated = runs.Any(r => r.Last?.SimulatedSeconds is not null);
        string[] simulated = isSimulated ? ["#simulated s"] : [];
        Table finals = Tables.New([
            "run", "state", "#rounds", "#train loss", "#vs. first", .. suites.SelectMany(s => (string[])[RunReport.Heading(s), "#vs. first"]),
            "#tokens", "#MiB", "#seconds", .. simulated, "#excluded",
        ]);
        foreach (ComparedRun run in runs)
        {
            finals.Row([
                run.Directory, Figures.Name(run.Status.State), Number(run.Status.Round), Figures.Measure(run.Status.TrainLoss),
                Difference(run.Status.TrainLoss, runs[0].Status.TrainLoss),
                .. suites.SelectMany(s => (string[])[Figures.Measure(run.Final(s)), Difference(run.Final(s), runs[0].Final(s))]),
                .. Spent(run.Last, isSimulated), Number(run.Status.Records.Sum(r => r.Excluded.Count)),
            ]);
        }

        Tables.Console(output, screen).Write(finals);
        Table course = Tables.New(["run", "#round", "#tokens", "#MiB", "#seconds", .. simulated, "#train loss", .. suites.Select(RunReport.Heading)]);
        foreach (ComparedRun run in runs)
        {
            foreach (RunPoint point in Shown(run))
            {
                course.Row([
                    run.Directory, Number(point.Round), .. Spent(point, isSimulated), Figures.Measure(point.TrainLoss),
                    .. suites.Select(s => Figures.Measure(point.Evaluation is { } e && e.TryGetValue(s, out double value) ? value : null)),
                ]);
            }
        }

        Tables.Console(output, screen).Write(course);
    }

    /// <summary>Writes <c>runs</c>, each with its final values, their differences from the first run's, what it cost, and a point for every round.</summary>
    public static void WriteJson(TextWriter output, IReadOnlyList<ComparedRun> runs) => JsonResult.Write(output, document =>
    {
        string[] suites = Suites(runs);
        document.WriteStartArray("runs");
        foreach (ComparedRun run in runs)
        {
            document.WriteStartObject();
            document.WriteString("directory", Path.GetFullPath(run.Directory));
            document.WriteString("name", run.Status.Name);
            document.WriteString("state", Figures.Name(run.Status.State));
            document.WriteNumber("round", run.Status.Round);
            document.WriteNumber("rounds", run.Status.Rounds);
            document.WriteString("adapter", run.Status.Adapter);
            Values(document, "final", suites, run.Status.TrainLoss, run.Final);
            Values(document, "difference", suites, run.Status.TrainLoss - runs[0].Status.TrainLoss, s => run.Final(s) - runs[0].Final(s));
            document.WriteNumber("bytes_down", run.Status.Records.Sum(r => r.BytesDown));
            document.WriteNumber("bytes_up", run.Status.Records.Sum(r => r.BytesUp));
            Exclusions.Of(run.Status.Records).Write(document);
            document.WriteStartArray("course");
            foreach (RunPoint point in run.Curve)
            {
                document.WriteStartObject();
                document.WriteNumber("round", point.Round);
                document.WriteNumber("tokens", point.Tokens);
                document.WriteNumber("bytes", point.Bytes);
                document.WriteFinite("seconds", point.Seconds);
                document.WriteFinite("simulated_seconds", point.SimulatedSeconds);
                Values(document, null, [.. point.Evaluation?.Keys ?? []], point.TrainLoss, s => point.Evaluation![s]);
                document.WriteEndObject();
            }

            document.WriteEndArray();
            document.WriteEndObject();
        }

        document.WriteEndArray();
    });

    private static string[] Suites(IReadOnlyList<ComparedRun> runs) => [.. runs.SelectMany(r => r.Suites).Distinct(StringComparer.Ordinal)];

    // Evaluated rounds; of a run that evaluates nothing, some of all and the last.
    private static IEnumerable<RunPoint> Shown(ComparedRun run)
    {
        if (run.Suites.Any())
        {
            return run.Curve.Where(p => p.Evaluation is not null);
        }

        int every = Math.Max(1, run.Curve.Count / PointsWithoutEvaluation);
        return run.Curve.Where(p => p.Round > 0 && (p.Round % every == 0 || p == run.Last));
    }

    private static string[] Spent(RunPoint? point, bool isSimulated) =>
    [
        Figures.Count(point?.Tokens ?? 0), Figures.Mebibytes(point?.Bytes ?? 0), Seconds(point?.Seconds ?? 0),
        .. isSimulated ? (string[])[point?.SimulatedSeconds is { } seconds ? Seconds(seconds) : "-"] : [],
    ];

    private static void Values(Utf8JsonWriter document, string? name, IEnumerable<string> suites, double? trainLoss, Func<string, double?> value)
    {
        if (name is not null)
        {
            document.WriteStartObject(name);
        }

        document.WriteFinite("train_loss", trainLoss);
        document.WriteStartObject("evaluation");
        foreach (string suite in suites)
        {
            document.WriteFinite(suite, value(suite));
        }

        document.WriteEndObject();
        if (name is not null)
        {
            document.WriteEndObject();
        }
    }

    private static string Difference(double? value, double? first) => (value - first)?.ToString("+0.0000;-0.0000;0.0000", CultureInfo.InvariantCulture) ?? "-";

    private static string Seconds(double seconds) => seconds.ToString("N1", CultureInfo.InvariantCulture);

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
