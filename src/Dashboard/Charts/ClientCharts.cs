using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;

namespace FedLLM.Dashboard.Charts;

/// <summary>The chart of one client.</summary>
public static class ClientCharts
{
    /// <summary>Its loss over its rounds, beside the mean of those rounds' members.</summary>
    public static ChartData Loss(RunView run, ClientSummary client)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(client);
        ClientRound[] rounds = [.. client.Rounds.Where(r => r.Member is not null)];
        double[] x = [.. rounds.Select(r => (double)r.Round)];
        return new ChartData(
            "client_loss", "Loss over its rounds", ChartAxis.Round, ValueKind.Measure,
            [
                new ChartSeries("client", client.Card.Name, 1, x, [.. rounds.Select(r => r.Member!.Loss ?? double.NaN)]) { Dots = true },
                new ChartSeries("mean", "All members, mean", 8, x, [.. rounds.Select(r => run.RoundOf(r.Round)?.TrainLoss ?? double.NaN)]),
            ]);
    }
}
