using System.Globalization;
using System.Text;

namespace FedLLM.Dashboard.Charts;

/// <summary>A chart's data as CSV (RFC 4180): every point, none thinned; a row for each place on X, a column for each line.</summary>
public static class ChartCsv
{
    /// <summary>Returns the text. What is absent is empty; numbers read back to the same bits.</summary>
    public static string Write(ChartData chart)
    {
        ArgumentNullException.ThrowIfNull(chart);
        var columns = new List<(string Name, double[] X, double[] Values)>();
        foreach (ChartSeries series in chart.Series)
        {
            columns.Add((series.Key, series.X, series.Y));
            if (series.Low is { } low && series.High is { } high)
            {
                columns.Add((series.Key + "_low", series.X, low));
                columns.Add((series.Key + "_high", series.X, high));
            }
        }

        double[] places = [.. columns.SelectMany(c => c.X).Distinct().Order()];
        Dictionary<double, double>[] values = [.. columns.Select(ByPlace)];
        var text = new StringBuilder(Field(chart.Axis.Key));
        foreach ((string name, _, _) in columns)
        {
            text.Append(',').Append(Field(name));
        }

        text.Append("\r\n");
        foreach (double place in places)
        {
            text.Append(Number(place));
            foreach (Dictionary<double, double> column in values)
            {
                text.Append(',').Append(column.TryGetValue(place, out double value) ? Number(value) : string.Empty);
            }

            text.Append("\r\n");
        }

        return text.ToString();
    }

    /// <summary>Returns a text as one field: quoted where it must be, and never the beginning of a spreadsheet's formula.</summary>
    public static string Field(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string safe = text.Length > 0 && text[0] is '=' or '+' or '-' or '@' or '\t' ? "'" + text : text;
        return safe.AsSpan().IndexOfAny("\",\r\n") < 0 ? safe : $"\"{safe.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>Returns a number as one field; empty where it is not finite.</summary>
    public static string Number(double? value) =>
        value is { } number && double.IsFinite(number) ? number.ToString("R", CultureInfo.InvariantCulture) : string.Empty;

    // Where an abandoned round moves nothing along X, the later point stands.
    private static Dictionary<double, double> ByPlace((string Name, double[] X, double[] Values) column)
    {
        var values = new Dictionary<double, double>();
        for (int i = 0; i < column.X.Length; i++)
        {
            values[column.X[i]] = column.Values[i];
        }

        return values;
    }
}
