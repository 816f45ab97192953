using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Charts;

/// <summary>A run's rounds along an axis.</summary>
public sealed class RunTrace
{
    /// <summary>Lays the rounds of <paramref name="run"/> along <paramref name="axis"/>.</summary>
    public RunTrace(RunView run, ChartAxis axis)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(axis);
        Axis = axis;
        Rounds = run.Rounds;
        Func<RoundRow, double> step = axis.Key switch
        {
            "tokens" => r => r.Tokens,
            "bytes" => r => r.BytesDown + r.BytesUp,
            "time" => r => r.AllSeconds,
            "simulated" => r => r.SimulatedSeconds ?? 0,
            _ => _ => 0,
        };
        X = new double[Rounds.Count];
        double sum = 0;
        for (int i = 0; i < X.Length; i++)
        {
            sum += step(Rounds[i]);
            X[i] = axis == ChartAxis.Round ? Rounds[i].Round : sum;
        }
    }

    /// <summary>The axis.</summary>
    public ChartAxis Axis { get; }

    /// <summary>The rounds.</summary>
    public IReadOnlyList<RoundRow> Rounds { get; }

    /// <summary>Where each round lies on the axis.</summary>
    public double[] X { get; }

    /// <summary>Returns a value of each round; NaN where it has none.</summary>
    public double[] Values(Func<RoundRow, double?> value) => [.. Rounds.Select(r => value(r) ?? double.NaN)];

    /// <summary>Returns a line of each round's value.</summary>
    public ChartSeries Line(string key, string label, int color, Func<RoundRow, double?> value) => new(key, label, color, X, Values(value));

    /// <summary>Returns a line of the sum up to each round.</summary>
    public ChartSeries Sum(string key, string label, int color, Func<RoundRow, double> value)
    {
        double[] sums = new double[Rounds.Count];
        double sum = 0;
        for (int i = 0; i < sums.Length; i++)
        {
            sums[i] = sum += value(Rounds[i]);
        }

        return new ChartSeries(key, label, color, X, sums);
    }
}
