using System.Globalization;

namespace FedLLM.Dashboard.Charts;

/// <summary>
/// Lays an exponential mean over lines that jump from round to round, beside what was measured: after values x₁ … x_n it is Σ wⁿ⁻ⁱ·xᵢ / Σ wⁿ⁻ⁱ, the divisor
/// taking away the bias towards a first value of zero (as TensorBoard does). Rounds without a value count for nothing and stay gaps.
/// </summary>
public static class Smoothing
{
    private const double Most = 0.99;

    /// <summary>Weights that pages offer: of the past against the newest value; 0 is no smoothing.</summary>
    public static IReadOnlyList<double> Choices { get; } = [0, 0.6, 0.9, 0.98];

    /// <summary>Reads a weight from 0 to 0.99; 0 where it is none.</summary>
    public static double Of(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double weight) && weight > 0 ? Math.Min(weight, Most) : 0;

    /// <summary>A weight's part of an address, beginning with '&amp;'; empty without smoothing.</summary>
    public static string Part(double weight) => weight == 0 ? string.Empty : "&smooth=" + weight.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>Returns the chart with a smoothed line over each line of one that can have them; what was measured stays, faint.</summary>
    public static ChartData Apply(ChartData chart, double weight)
    {
        ArgumentNullException.ThrowIfNull(chart);
        return weight == 0 || !chart.Jumps ? chart : chart with { Series = [.. chart.Series.SelectMany(Both)] };

        IEnumerable<ChartSeries> Both(ChartSeries series) => series.Dots || series.Bound
            ? [series]
            : [series with { Faint = true }, new ChartSeries(series.Key + "_smooth", series.Label + ", smoothed", series.Color, series.X, Mean(series.Y, weight))];
    }

    private static double[] Mean(double[] values, double weight)
    {
        double[] means = new double[values.Length];
        double sum = 0, divisor = 0;
        for (int i = 0; i < values.Length; i++)
        {
            if (!double.IsFinite(values[i]))
            {
                means[i] = double.NaN;
                continue;
            }

            sum = (weight * sum) + values[i];
            divisor = (weight * divisor) + 1;
            means[i] = sum / divisor;
        }

        return means;
    }
}
