using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Hosting;

/// <summary>A chart's values, thinned as on the page unless more points are asked for. Numbers that are not finite are null.</summary>
/// <param name="Name">The chart.</param>
/// <param name="Title">Its heading.</param>
/// <param name="Axis">What lies along X.</param>
/// <param name="AxisKind">How X reads: <c>count</c>, <c>bytes</c> or <c>seconds</c>.</param>
/// <param name="Kind">How values read: <c>measure</c>, <c>count</c>, <c>bytes</c> or <c>seconds</c>.</param>
/// <param name="Points">Points of the longest line before thinning.</param>
/// <param name="Series">The lines.</param>
public sealed record ChartValues(string Name, string Title, string Axis, string AxisKind, string Kind, int Points, IReadOnlyList<SeriesValues> Series)
{
    /// <summary>Takes a chart's values.</summary>
    public static ChartValues Of(ChartData chart, ChartState state, int columns)
    {
        ArgumentNullException.ThrowIfNull(chart);
        ArgumentNullException.ThrowIfNull(state);
        return new ChartValues(
            chart.Name, chart.Title, chart.Axis.Key, Word(chart.Axis.Kind), Word(chart.Kind), chart.Series.Select(s => s.X.Length).DefaultIfEmpty(0).Max(),
            [.. state.Apply(chart.Series).Where(s => !s.Bound).Select(s => SeriesValues.Of(Downsampling.Reduce(s, columns)))]);
    }

    private static string Word(ValueKind kind) => kind.ToString().ToLowerInvariant();
}

/// <summary>One line's values.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Label">Its name for readers.</param>
/// <param name="Color">Its color of the palette, from 1.</param>
/// <param name="X">Places.</param>
/// <param name="Y">Values.</param>
/// <param name="Low">The band's lower edge, or null.</param>
/// <param name="High">The band's upper edge, or null.</param>
public sealed record SeriesValues(string Key, string Label, int Color, double[] X, double?[] Y, double?[]? Low, double?[]? High)
{
    /// <summary>Takes a line's values.</summary>
    public static SeriesValues Of(ChartSeries series)
    {
        ArgumentNullException.ThrowIfNull(series);
        return new SeriesValues(series.Key, series.Label, series.Color, series.X, Finite(series.Y)!, Finite(series.Low), Finite(series.High));
    }

    private static double?[]? Finite(double[]? values) => values is null ? null : [.. values.Select(v => double.IsFinite(v) ? (double?)v : null)];
}

/// <summary>A client over all rounds.</summary>
/// <param name="Card">What it holds.</param>
/// <param name="Sampled">How often it was sampled.</param>
/// <param name="Excluded">How often its update did not count.</param>
/// <param name="LastLoss">Its last loss.</param>
public sealed record ClientEntry(ClientCard Card, int Sampled, int Excluded, double? LastLoss);

/// <summary>A client with its rounds.</summary>
/// <param name="Card">What it holds.</param>
/// <param name="Sampled">How often it was sampled.</param>
/// <param name="Rounds">Its rounds: what it measured, or why it does not count.</param>
/// <param name="Measured">What its own held-out data said after rounds, of the global adapter and of its own.</param>
public sealed record ClientDetail(ClientCard Card, int Sampled, IReadOnlyList<Summaries.ClientRound> Rounds, IReadOnlyList<Summaries.ClientMeasures> Measured);

/// <summary>A part of a list.</summary>
/// <param name="Total">Entries of the whole list.</param>
/// <param name="Items">Those asked for.</param>
public sealed record Part<T>(int Total, IReadOnlyList<T> Items);

/// <summary>Told over server-sent events when something changed.</summary>
/// <param name="Host">Names the process: another one after a restart.</param>
/// <param name="Version">The feed's version.</param>
/// <param name="Runs">Ids of the runs that changed since the last message.</param>
public sealed record FeedChange(string Host, long Version, IReadOnlyList<string> Runs)
{
    /// <summary>Whether the cluster changed.</summary>
    public bool Cluster { get; init; }
}
