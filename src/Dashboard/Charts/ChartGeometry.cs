using System.Globalization;
using System.Text;

namespace FedLLM.Dashboard.Charts;

/// <summary>A chart as it is drawn: a square of 1000 × 1000 that the page stretches, Y downwards.</summary>
public sealed class ChartGeometry
{
    private const double Side = 1000;
    private const double BoundReach = 3; // a bound this many times beyond the data is left outside

    private readonly ChartData _chart;

    /// <summary>Lays out <paramref name="chart"/> as <paramref name="state"/> asks, thinned to <paramref name="columns"/> columns.</summary>
    public ChartGeometry(ChartData chart, ChartState state, int columns)
    {
        ArgumentNullException.ThrowIfNull(chart);
        ArgumentNullException.ThrowIfNull(state);
        _chart = chart;
        Points = chart.Series.Where(s => !s.Bound).Select(s => s.Y.Length).DefaultIfEmpty(0).Max();
        IReadOnlyList<ChartSeries> shown = state.Apply(chart.Series);
        Series = [.. (chart.Stacked ? Stack(shown) : shown).Select(s => Downsampling.Reduce(s, columns))];
        Thinned = Series.Zip(shown).Any(p => p.First.X.Length < p.Second.X.Length);
        double[] places = [.. Series.Where(s => !s.Bound).SelectMany(s => s.X)];
        Left = state.From ?? (places.Length == 0 ? 0 : places.Min());
        Right = state.To ?? (places.Length == 0 ? 1 : places.Max());
        if (!(Right > Left))
        {
            (Left, Right) = (Left - 0.5, Left + 0.5);
        }

        (Low, High) = Range();
    }

    /// <summary>The lines, thinned.</summary>
    public IReadOnlyList<ChartSeries> Series { get; }

    /// <summary>Points of the longest line before thinning.</summary>
    public int Points { get; }

    /// <summary>Whether fewer points are drawn than there are.</summary>
    public bool Thinned { get; }

    /// <summary>X at the left edge.</summary>
    public double Left { get; }

    /// <summary>X at the right edge.</summary>
    public double Right { get; }

    /// <summary>Y at the lower edge.</summary>
    public double Low { get; }

    /// <summary>Y at the upper edge.</summary>
    public double High { get; }

    /// <summary>The place of X, 0 to 1000 inside the picture.</summary>
    public double PlaceX(double x) => (x - Left) / (Right - Left) * Side;

    /// <summary>The place of Y, 0 (above) to 1000 inside the picture.</summary>
    public double PlaceY(double y) => (High - y) / (High - Low) * Side;

    /// <summary>The path of a line; a gap where there is no value.</summary>
    public string Line(ChartSeries series)
    {
        ArgumentNullException.ThrowIfNull(series);
        var path = new StringBuilder();
        bool pen = false;
        for (int i = 0; i < series.X.Length; i++)
        {
            if (!double.IsFinite(series.Y[i]))
            {
                pen = series.Dots && pen; // what is measured now and then is joined over the rounds between
                continue;
            }

            Append(path, pen ? 'L' : 'M', series.X[i], series.Y[i]);
            pen = true;
        }

        return path.ToString();
    }

    /// <summary>A path of points without length, which round caps make dots: of all points, or of those between gaps, which no line shows.</summary>
    public string Dots(ChartSeries series)
    {
        ArgumentNullException.ThrowIfNull(series);
        var path = new StringBuilder();
        for (int i = 0; i < series.X.Length; i++)
        {
            if (IsThere(i) && (series.Dots || (!IsThere(i - 1) && !IsThere(i + 1))))
            {
                Append(path, 'M', series.X[i], series.Y[i]);
                path.Append("h0");
            }
        }

        return path.ToString();

        bool IsThere(int i) => i >= 0 && i < series.Y.Length && double.IsFinite(series.Y[i]);
    }

    /// <summary>The path around a band or a stacked area, one closed piece between gaps; empty without one.</summary>
    public string Area(ChartSeries series)
    {
        ArgumentNullException.ThrowIfNull(series);
        if (series.Low is not { } low || series.High is not { } high)
        {
            return string.Empty;
        }

        var path = new StringBuilder();
        for (int start = 0; start < low.Length; start++)
        {
            int end = start;
            while (end < low.Length && double.IsFinite(low[end]) && double.IsFinite(high[end]))
            {
                end++;
            }

            for (int i = start; i < end; i++)
            {
                Append(path, i == start ? 'M' : 'L', series.X[i], high[i]);
            }

            for (int i = end - 1; i >= start; i--)
            {
                Append(path, 'L', series.X[i], low[i]);
            }

            if (end > start)
            {
                path.Append('Z');
            }

            start = Math.Max(start, end);
        }

        return path.ToString();
    }

    private void Append(StringBuilder path, char command, double x, double y) => path.Append(command)
        .Append(PlaceX(x).ToString("0.#", CultureInfo.InvariantCulture))
        .Append(' ')
        .Append(PlaceY(y).ToString("0.#", CultureInfo.InvariantCulture));

    private (double Low, double High) Range()
    {
        double low = double.PositiveInfinity, high = double.NegativeInfinity;
        foreach (ChartSeries series in Series.Where(s => !s.Bound))
        {
            foreach (double value in series.Y.Concat(series.Low ?? []).Concat(series.High ?? []).Where(double.IsFinite))
            {
                low = Math.Min(low, value);
                high = Math.Max(high, value);
            }
        }

        if (!double.IsFinite(low))
        {
            return (0, 1);
        }

        foreach (double bound in Series.Where(s => s.Bound).SelectMany(s => s.Y).Where(double.IsFinite))
        {
            high = bound > high && bound <= high * BoundReach ? bound : high;
        }

        low = _chart.FromZero || _chart.Stacked ? Math.Min(0, low) : low;
        double margin = high > low ? 0.04 * (high - low) : Math.Max(Math.Abs(high) * 0.1, 1e-9);
        return (low == 0 && (_chart.FromZero || _chart.Stacked) ? 0 : low - margin, high + margin);
    }

    private static IReadOnlyList<ChartSeries> Stack(IReadOnlyList<ChartSeries> series)
    {
        var stacked = new List<ChartSeries>();
        double[]? below = null;
        foreach (ChartSeries layer in series)
        {
            below ??= new double[layer.Y.Length];
            double[] low = below;
            double[] high = [.. layer.Y.Zip(low, (value, under) => under + (double.IsFinite(value) ? value : 0))];
            stacked.Add(layer with { Y = high, Low = low, High = high });
            below = high;
        }

        // Where no layer has a value there is a gap, not a stack of nothing.
        bool[] gap = [.. Enumerable.Range(0, below?.Length ?? 0).Select(i => series.All(s => !double.IsFinite(s.Y[i])))];
        double[] Gapped(double[] values) => [.. values.Select((value, i) => gap[i] ? double.NaN : value)];
        return [.. stacked.Select(s => s with { Y = Gapped(s.Y), Low = Gapped(s.Low!), High = Gapped(s.High!) })];
    }
}
