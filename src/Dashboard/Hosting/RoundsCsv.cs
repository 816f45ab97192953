using System.Globalization;
using System.Text;
using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Hosting;

/// <summary>A run's rounds as CSV, a row each; suites and phases have a column each.</summary>
internal static class RoundsCsv
{
    /// <summary>Returns the text.</summary>
    public static string Write(RunView run)
    {
        IReadOnlyList<string> suites = RunCharts.Suites(run);
        string[] phases = [.. run.Rounds.SelectMany(r => r.Seconds.Keys).Distinct(StringComparer.Ordinal)];
        var text = new StringBuilder("round,sampled,members,excluded,train_loss,learning_rate,tokens,bytes_down,bytes_up,simulated_seconds,adapter,abandoned");
        Append(text, suites.Select(s => "evaluation_" + s).Concat(phases.Select(p => "seconds_" + p)));
        text.Append("\r\n");
        foreach (RoundRow row in run.Rounds)
        {
            text.Append(string.Create(
                CultureInfo.InvariantCulture,
                $"{row.Round},{row.Cohort.Count},{row.Clients.Count},{row.Excluded.Count},{ChartCsv.Number(row.TrainLoss)},{ChartCsv.Number(row.LearningRate)},{row.Tokens},{row.BytesDown},{row.BytesUp}"));
            Append(text, [ChartCsv.Number(row.SimulatedSeconds), row.Adapter ?? string.Empty, row.Abandoned ?? string.Empty]);
            Append(text, suites.Select(s => ChartCsv.Number(row.Evaluated(s))).Concat(phases.Select(p => row.Seconds.TryGetValue(p, out double seconds) ? ChartCsv.Number(seconds) : string.Empty)), raw: true);
            text.Append("\r\n");
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, IEnumerable<string> fields, bool raw = false)
    {
        foreach (string field in fields)
        {
            text.Append(',').Append(raw ? field : ChartCsv.Field(field));
        }
    }
}
