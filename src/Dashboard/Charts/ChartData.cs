namespace FedLLM.Dashboard.Charts;

/// <summary>How a chart's values read.</summary>
public enum ValueKind
{
    /// <summary>A loss or another measure.</summary>
    Measure,

    /// <summary>A whole number.</summary>
    Count,

    /// <summary>Bytes.</summary>
    Bytes,

    /// <summary>Seconds.</summary>
    Seconds,
}

/// <summary>One line of a chart: points by ascending X. NaN in Y is a gap.</summary>
/// <param name="Key">Names it in addresses and CSV.</param>
/// <param name="Label">Names it for readers.</param>
/// <param name="Color">Which of the palette's eight colors, from 1.</param>
/// <param name="X">Places on the chart's axis.</param>
/// <param name="Y">Values.</param>
public sealed record ChartSeries(string Key, string Label, int Color, double[] X, double[] Y)
{
    /// <summary>The band's lower edge at each point; null without a band.</summary>
    public double[]? Low { get; init; }

    /// <summary>The band's upper edge at each point; null without a band.</summary>
    public double[]? High { get; init; }

    /// <summary>What the band is, for its column in CSV and its legend.</summary>
    public string? Band { get; init; }

    /// <summary>Whether its points are marked: few values between which nothing was measured.</summary>
    public bool Dots { get; init; }

    /// <summary>Whether it is a bound rather than a measurement: dashed.</summary>
    public bool Bound { get; init; }

    /// <summary>Whether it is drawn faintly, behind what was made of it.</summary>
    public bool Faint { get; init; }

    /// <summary>The address of its subject, or null.</summary>
    public string? Link { get; init; }
}

/// <summary>A chart's content, without a pixel.</summary>
/// <param name="Name">Names it in addresses.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Axis">What lies along X.</param>
/// <param name="Kind">How values read.</param>
/// <param name="Series">The lines.</param>
public sealed record ChartData(string Name, string Title, ChartAxis Axis, ValueKind Kind, IReadOnlyList<ChartSeries> Series)
{
    /// <summary>Whether the lines are stacked as areas.</summary>
    public bool Stacked { get; init; }

    /// <summary>Whether Y begins at zero.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether its lines jump from round to round, as each has another cohort, so that readers may want them smoothed.</summary>
    public bool Jumps { get; init; }

    /// <summary>What is drawn besides lines, a few words.</summary>
    public string? Note { get; init; }

    /// <summary>Whether there is nothing to draw.</summary>
    public bool IsEmpty => Series.All(s => s.Bound || !s.Y.Any(double.IsFinite));
}

/// <summary>What can lie along a chart's X.</summary>
/// <param name="Key">Its name in addresses.</param>
/// <param name="Title">Its title.</param>
/// <param name="Kind">How its places read.</param>
public sealed record ChartAxis(string Key, string Title, ValueKind Kind)
{
    /// <summary>Rounds.</summary>
    public static ChartAxis Round { get; } = new("round", "round", ValueKind.Count);

    /// <summary>Tokens that clients processed up to the round.</summary>
    public static ChartAxis Tokens { get; } = new("tokens", "tokens processed", ValueKind.Count);

    /// <summary>Bytes moved up to the round, down and up.</summary>
    public static ChartAxis Bytes { get; } = new("bytes", "bytes moved", ValueKind.Bytes);

    /// <summary>Wall time of the rounds up to it.</summary>
    public static ChartAxis Time { get; } = new("time", "time", ValueKind.Seconds);

    /// <summary>Simulated time up to the round.</summary>
    public static ChartAxis Simulated { get; } = new("simulated", "simulated time", ValueKind.Seconds);

    /// <summary>All.</summary>
    public static IReadOnlyList<ChartAxis> All { get; } = [Round, Tokens, Bytes, Time, Simulated];

    /// <summary>Returns the axis of that name; rounds where there is none.</summary>
    public static ChartAxis Of(string? key) => All.FirstOrDefault(a => a.Key == key) ?? Round;
}
