namespace FedLLM.Dashboard.Charts;

/// <summary>
/// Thins a line to what a picture can show, without hiding anything: X is cut into equal columns, and of each column the first, the least, the greatest and
/// the last point stay (Jugel et al., M4, PVLDB 2014). So every extreme is drawn. A band's edges become the column's least and greatest.
/// </summary>
public static class Downsampling
{
    /// <summary>Returns <paramref name="series"/> with at most four points, and a gap's one more, for each of <paramref name="columns"/>; unchanged where it is short.</summary>
    public static ChartSeries Reduce(ChartSeries series, int columns)
    {
        ArgumentNullException.ThrowIfNull(series);
        ArgumentOutOfRangeException.ThrowIfLessThan(columns, 1);
        int count = series.X.Length;
        double width = count == 0 ? 0 : series.X[^1] - series.X[0];
        if (count <= 4 * columns || !(width > 0))
        {
            return series;
        }

        var kept = new List<int>(4 * columns);
        double[]? low = series.Low is null ? null : (double[])series.Low.Clone();
        double[]? high = series.High is null ? null : (double[])series.High.Clone();
        for (int start = 0; start < count;)
        {
            int column = ColumnOf(series.X[start]);
            int end = start + 1;
            while (end < count && ColumnOf(series.X[end]) == column)
            {
                end++;
            }

            AddColumn(kept, series.Y, start, end);
            Widen(low, start, end, greatest: false);
            Widen(high, start, end, greatest: true);
            start = end;
        }

        return series with { X = Pick(series.X), Y = Pick(series.Y), Low = low is null ? null : Pick(low), High = high is null ? null : Pick(high) };

        int ColumnOf(double x) => Math.Min(columns - 1, (int)((x - series.X[0]) / width * columns));
        double[] Pick(double[] values) => [.. kept.Select(i => values[i])];
    }

    private static void AddColumn(List<int> kept, double[] values, int start, int end)
    {
        int least = -1, greatest = -1, gap = -1;
        for (int i = start; i < end; i++)
        {
            if (!double.IsFinite(values[i]))
            {
                gap = gap < 0 ? i : gap;
                continue;
            }

            least = least < 0 || values[i] < values[least] ? i : least;
            greatest = greatest < 0 || values[i] > values[greatest] ? i : greatest;
        }

        kept.AddRange(new SortedSet<int>([start, least, greatest, gap, end - 1]).Where(i => i >= 0));
    }

    // Every point of the column shows the whole column's edge, so whichever stay tell it.
    private static void Widen(double[]? edge, int start, int end, bool greatest)
    {
        if (edge is null)
        {
            return;
        }

        double[] finite = [.. edge[start..end].Where(double.IsFinite)];
        if (finite.Length > 0)
        {
            Array.Fill(edge, greatest ? finite.Max() : finite.Min(), start, end - start);
        }
    }
}
