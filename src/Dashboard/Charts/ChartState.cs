using System.Globalization;

namespace FedLLM.Dashboard.Charts;

/// <summary>What a reader chose to see of a chart: a part of X, and not all lines.</summary>
/// <param name="From">Where it begins; null for the first point.</param>
/// <param name="To">Where it ends; null for the last point.</param>
/// <param name="Hidden">Keys of lines that are not drawn.</param>
public sealed record ChartState(double? From, double? To, IReadOnlySet<string> Hidden)
{
    /// <summary>All of it.</summary>
    public static ChartState Whole { get; } = new(null, null, new HashSet<string>());

    /// <summary>Reads the values of an address; what is no number is left out.</summary>
    public static ChartState Of(string? from, string? to, string? hide) => new(
        Number(from), Number(to), (hide ?? string.Empty).Split(',', StringSplitOptions.RemoveEmptyEntries).Take(64).ToHashSet(StringComparer.Ordinal));

    /// <summary>Returns the lines to draw, cut to the chosen part with one point beyond each end.</summary>
    public IReadOnlyList<ChartSeries> Apply(IReadOnlyList<ChartSeries> series)
    {
        ArgumentNullException.ThrowIfNull(series);
        return [.. series.Where(s => !Hidden.Contains(s.Key)).Select(Cut)];
    }

    private ChartSeries Cut(ChartSeries series)
    {
        int start = From is { } from ? Math.Max(0, Array.FindIndex(series.X, x => x >= from) - 1) : 0;
        int last = To is { } to ? Array.FindLastIndex(series.X, x => x <= to) + 1 : series.X.Length - 1;
        int end = Math.Min(series.X.Length, last + 1);
        if (From is { } beyond && series.X.All(x => x < beyond))
        {
            end = start = 0;
        }

        return start == 0 && end == series.X.Length
            ? series
            : end <= start
                ? series with { X = [], Y = [], Low = null, High = null }
                : series with { X = series.X[start..end], Y = series.Y[start..end], Low = series.Low?[start..end], High = series.High?[start..end] };
    }

    private static double? Number(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && double.IsFinite(value) ? value : null;
}
