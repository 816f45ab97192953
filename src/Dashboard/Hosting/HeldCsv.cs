using System.Globalization;
using System.Text;
using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Hosting;

/// <summary>What clients' own held-out data said, as CSV: a row for each round and client; measures have a column for the global adapter and one for the client's own.</summary>
internal static class HeldCsv
{
    /// <summary>Returns the text; the head alone where no client was measured.</summary>
    public static string Write(RunView run)
    {
        IReadOnlyList<string> measures = RunCharts.Measures(run);
        var text = new StringBuilder("round,client,weight");
        foreach (string measure in measures)
        {
            text.Append(',').Append(ChartCsv.Field("global_" + measure)).Append(',').Append(ChartCsv.Field("own_" + measure));
        }

        text.Append("\r\n");
        foreach ((int round, ClientEvaluationRow client) in run.Rounds.SelectMany(r => (r.ClientEvaluation ?? []).Select(c => (r.Round, c))))
        {
            text.Append(CultureInfo.InvariantCulture, $"{round},{client.Id},{client.Weight}");
            foreach (string measure in measures)
            {
                text.Append(',').Append(ChartCsv.Number(client.Global.GetValueOrDefault(measure)));
                text.Append(',').Append(ChartCsv.Number(client.Own?.GetValueOrDefault(measure)));
            }

            text.Append("\r\n");
        }

        return text.ToString();
    }
}
