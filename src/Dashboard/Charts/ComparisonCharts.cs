using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Charts;

/// <summary>The charts that lay several runs over one another.</summary>
public static class ComparisonCharts
{
    /// <summary>Most runs in one comparison: as many as there are colors.</summary>
    public const int MaxRuns = 8;

    /// <summary>Returns the charts of <paramref name="runs"/>: training loss, rewards, and every suite that one of them has.</summary>
    public static IReadOnlyList<ChartData> Of(IReadOnlyList<RunView> runs, ChartAxis axis)
    {
        ArgumentNullException.ThrowIfNull(runs);
        RunTrace[] traces = [.. runs.Select(r => new RunTrace(r, axis))];
        var charts = new List<ChartData> { Chart("train_loss", "Training loss", r => r.TrainLoss, dots: false) };
        foreach (string suite in runs.SelectMany(RunCharts.Suites).Distinct(StringComparer.Ordinal))
        {
            charts.Add(Chart("eval-" + suite, suite == "loss" ? "Held-out loss" : suite, r => r.Evaluated(suite), dots: true));
        }

        charts.Add(Chart("reward_margin", "Reward margin", r => r.Rewards?.Margin, dots: false));
        return [.. charts.Where(c => !c.IsEmpty)];

        ChartData Chart(string name, string title, Func<RoundRow, double?> value, bool dots) => new(
            name, title, axis, ValueKind.Measure,
            [.. runs.Select((run, i) => traces[i].Line(run.Id, Label(run), (i % MaxRuns) + 1, value) with { Dots = dots, Link = "/runs/" + run.Id })])
        {
            Jumps = true,
        };
    }

    /// <summary>Returns one chart by name, or null.</summary>
    public static ChartData? Find(IReadOnlyList<RunView> runs, string name, ChartAxis axis) => Of(runs, axis).FirstOrDefault(c => c.Name == name);

    private static string Label(RunView run) => run.Name == run.Id ? run.Name : $"{run.Name} ({run.Id})";
}
