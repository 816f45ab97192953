using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;

namespace FedLLM.Dashboard.Charts;

/// <summary>The charts of one client.</summary>
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

    /// <summary>One measure on its own held-out data after each round in which it was measured, with the global adapter and with its own; null where there is none.</summary>
    public static ChartData? Held(ClientSummary client, string measure)
    {
        ArgumentNullException.ThrowIfNull(client);
        ClientMeasures[] rounds = [.. client.Measured.Where(m => m.Global.ContainsKey(measure))];
        double[] x = [.. rounds.Select(m => (double)m.Round)];
        return rounds.Length == 0 ? null : new ChartData(
            "held-" + measure, Title(measure, "its"), ChartAxis.Round, ValueKind.Measure,
            [
                new ChartSeries("global", "With the global adapter", 1, x, [.. rounds.Select(m => m.Global[measure] ?? double.NaN)]) { Dots = true },
                new ChartSeries("own", "With its own adapter", 2, x, [.. rounds.Select(m => m.Own?.GetValueOrDefault(measure) ?? double.NaN)]) { Dots = true },
            ]);
    }

    /// <summary>The heading of a measure on held-out data of <paramref name="whose"/> own.</summary>
    public static string Title(string measure, string whose) => $"{(measure == "loss" ? "Held-out loss" : measure)} on {whose} own data";
}
