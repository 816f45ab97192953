using System.Globalization;
using FedLLM.Dashboard.Charts;

namespace FedLLM.Dashboard.Summaries;

/// <summary>Numbers as people read them, the same in every culture; a dash where there is none.</summary>
public static class Figures
{
    private const string None = "–";
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

    /// <summary>A loss or another measure: <c>2.3146</c>, <c>1.2e-5</c>.</summary>
    public static string Measure(double? value) => value is not { } number || !double.IsFinite(number) ? None
        : number == 0 ? "0"
        : Math.Abs(number) is >= 0.001 and < 100000 ? number.ToString("0.0000", CultureInfo.InvariantCulture)
        : number.ToString("0.00e0", CultureInfo.InvariantCulture);

    /// <summary>A difference with its sign: <c>+0.0120</c>, <c>−0.3400</c>.</summary>
    public static string Difference(double? value) => value is not { } number || !double.IsFinite(number) ? None
        : number < 0 ? "−" + Measure(-number) : "+" + Measure(number);

    /// <summary>A count with separators.</summary>
    public static string Count(double? value) => value is { } number && double.IsFinite(number) ? number.ToString("N0", CultureInfo.InvariantCulture) : None;

    /// <summary>Bytes: <c>12.3 MiB</c>.</summary>
    public static string Bytes(double? value)
    {
        if (value is not { } number || !double.IsFinite(number))
        {
            return None;
        }

        int unit = 0;
        while (Math.Abs(number) >= 1024 && unit < Units.Length - 1)
        {
            number /= 1024;
            unit++;
        }

        return $"{number.ToString(unit == 0 || number >= 100 ? "0" : "0.0", CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    /// <summary>Seconds: <c>0.42 s</c>, <c>3 min 20 s</c>, <c>2 h 05 min</c>.</summary>
    public static string Seconds(double? value)
    {
        if (value is not { } seconds || !double.IsFinite(seconds))
        {
            return None;
        }

        long whole = (long)Math.Round(seconds);
        return seconds < 10 ? $"{seconds.ToString("0.00", CultureInfo.InvariantCulture)} s"
            : whole < 60 ? $"{whole} s"
            : whole < 3600 ? $"{whole / 60} min {(whole % 60).ToString("00", CultureInfo.InvariantCulture)} s"
            : $"{Count(whole / 3600)} h {(whole % 3600 / 60).ToString("00", CultureInfo.InvariantCulture)} min";
    }

    /// <summary>A value of a chart.</summary>
    public static string Of(double? value, ValueKind kind) => kind switch
    {
        ValueKind.Bytes => Bytes(value),
        ValueKind.Count => Count(value),
        ValueKind.Seconds => Seconds(value),
        _ => Measure(value),
    };

    /// <summary>A value beside an axis: short, in one unit along the whole axis.</summary>
    /// <param name="value">The value.</param>
    /// <param name="kind">How values read.</param>
    /// <param name="largest">The axis's largest value, which chooses the unit.</param>
    public static string Tick(double value, ValueKind kind, double largest) => kind switch
    {
        _ when value == 0 => "0",
        ValueKind.Bytes => Bytes(value).Replace(".0 ", " ", StringComparison.Ordinal),
        ValueKind.Seconds => largest < 120 ? Short(value) + " s" : largest < 7200 ? Short(value / 60) + " min" : Short(value / 3600) + " h",
        ValueKind.Count => largest switch
        {
            >= 2e9 => Short(value / 1e9) + " G",
            >= 2e6 => Short(value / 1e6) + " M",
            >= 2e4 => Short(value / 1e3) + " k",
            _ => Count(value),
        },
        _ => Math.Abs(value) is >= 0.001 and < 100000 ? Short(value) : value.ToString("0.##e0", CultureInfo.InvariantCulture),
    };

    /// <summary>The first digits of a hash.</summary>
    public static string Hash(string? hash) => hash is { Length: > 12 } ? hash[..12] : hash ?? None;

    /// <summary>A share: <c>62 %</c>.</summary>
    public static string Percent(double? share) => share is { } number && double.IsFinite(number) ? (100 * number).ToString("0", CultureInfo.InvariantCulture) + " %" : None;

    /// <summary>A point in time, UTC.</summary>
    public static string Moment(DateTimeOffset? moment) => moment?.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? None;

    private static string Short(double value) => value.ToString("0.####", CultureInfo.InvariantCulture);
}
