using System.Globalization;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>The results of every client by itself, a line each, and their mean.</summary>
internal static class LocalReport
{
    /// <summary>Writes the results for people.</summary>
    public static void Write(TextWriter output, bool screen, IReadOnlyList<(LocalRun Run, RunResult Result)> runs)
    {
        string[] suites = Suites(runs);
        Table table = Tables.New(["#client", "name", "#rounds", "#train loss", .. suites.Select(RunReport.Heading), "adapter"]);
        foreach ((LocalRun run, RunResult result) in runs)
        {
            table.Row([
                run.Client.ToString(CultureInfo.InvariantCulture), run.Prepared.Shards.Name(run.Client), Figures.Count(result.Rounds[^1].Round),
                Figures.Measure(TrainLoss(result)), .. suites.Select(s => Figures.Measure(Last(result, s))), result.AdapterFolder,
            ]);
        }

        table.Row([
            "mean", string.Empty, string.Empty, Figures.Measure(Mean(runs, TrainLoss)), .. suites.Select(s => Figures.Measure(Mean(runs, r => Last(r, s)))), string.Empty,
        ]);
        Tables.Console(output, screen).Write(table);
    }

    /// <summary>Writes the results for machines.</summary>
    public static void WriteJson(TextWriter output, string name, string directory, IReadOnlyList<(LocalRun Run, RunResult Result)> runs) =>
        JsonResult.Write(output, document =>
        {
            string[] suites = Suites(runs);
            document.WriteString("name", name);
            document.WriteString("directory", Path.GetFullPath(directory));
            document.WriteStartArray("clients");
            foreach ((LocalRun run, RunResult result) in runs)
            {
                document.WriteStartObject();
                document.WriteNumber("id", run.Client);
                document.WriteString("directory", result.Directory);
                document.WriteString("adapter_directory", result.AdapterFolder);
                document.WriteString("adapter", result.AdapterHash);
                document.WriteNumber("round", result.Rounds[^1].Round);
                document.WriteFinite("train_loss", TrainLoss(result));
                Evaluation(suite => Last(result, suite));
                document.WriteEndObject();
            }

            document.WriteEndArray();
            document.WriteStartObject("mean");
            document.WriteFinite("train_loss", Mean(runs, TrainLoss));
            Evaluation(suite => Mean(runs, r => Last(r, suite)));
            document.WriteEndObject();

            void Evaluation(Func<string, double?> value)
            {
                document.WriteStartObject("evaluation");
                foreach (string suite in suites)
                {
                    document.WriteFinite(suite, value(suite));
                }

                document.WriteEndObject();
            }
        });

    private static string[] Suites(IReadOnlyList<(LocalRun Run, RunResult Result)> runs) =>
        [.. runs.SelectMany(r => r.Result.Rounds).SelectMany(r => r.Evaluation?.Keys ?? []).Distinct(StringComparer.Ordinal)];

    private static double? TrainLoss(RunResult result) => result.Rounds.LastOrDefault(r => r.TrainLoss is not null)?.TrainLoss;

    private static double? Last(RunResult result, string suite)
    {
        RoundRecord? record = result.Rounds.LastOrDefault(r => r.Evaluation?.ContainsKey(suite) == true);
        return record?.Evaluation![suite];
    }

    private static double? Mean(IReadOnlyList<(LocalRun Run, RunResult Result)> runs, Func<RunResult, double?> value) =>
        runs.Select(r => value(r.Result)).OfType<double>().ToArray() is { Length: > 0 } values ? values.Average() : null;
}
