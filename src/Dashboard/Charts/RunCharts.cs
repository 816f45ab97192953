using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Charts;

/// <summary>The charts of one run.</summary>
public static class RunCharts
{
    private const double Mebibyte = 1 << 20;

    // Phases in the order in which a round has them, so that a color keeps its meaning.
    private static readonly string[] Phases = ["train", "aggregate", "evaluate", "checkpoint"];

    /// <summary>Returns the run's charts, those without data left out.</summary>
    public static IReadOnlyList<ChartData> Of(RunView run, ChartAxis axis)
    {
        ArgumentNullException.ThrowIfNull(run);
        var trace = new RunTrace(run, axis);
        return
        [
            .. new[] { Loss(run, trace), Rewards(trace), Accuracy(trace) }
                .Concat(Suites(run).Where(s => s != "loss").Select(s => Suite(trace, s)))
                .Concat(Measures(run).Select(m => Held(trace, m)))
                .Concat([LearningRate(trace), Participation(trace), Bytes(run, trace), Seconds(trace), Speed(trace)])
                .Where(c => !c.IsEmpty),
        ];
    }

    /// <summary>Returns one chart by name, or null.</summary>
    public static ChartData? Find(RunView run, string name, ChartAxis axis) => Of(run, axis).FirstOrDefault(c => c.Name == name);

    /// <summary>The suites that a run's rounds were evaluated by, <c>loss</c> first.</summary>
    public static IReadOnlyList<string> Suites(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return
        [
            .. run.Rounds.Where(r => r.Evaluation is not null).SelectMany(r => r.Evaluation!.Keys).Distinct(StringComparer.Ordinal)
                .OrderBy(s => s == "loss" ? 0 : 1).ThenBy(s => s, StringComparer.Ordinal),
        ];
    }

    /// <summary>What a run's clients were measured by on their own held-out data; empty where they were not.</summary>
    public static IReadOnlyList<string> Measures(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return [.. run.Rounds.Where(r => r.ClientEvaluation is not null).SelectMany(r => r.ClientEvaluation!.SelectMany(c => c.Global.Keys)).Distinct(StringComparer.Ordinal)];
    }

    private static ChartData Loss(RunView run, RunTrace trace)
    {
        var series = new List<ChartSeries>
        {
            trace.Line("train", "Training, mean", 1, r => r.TrainLoss) with
            {
                Low = trace.Values(r => r.Band?.Least),
                High = trace.Values(r => r.Band?.Greatest),
                Band = "clients, least to greatest",
            },
        };
        if (Suites(run).Contains("loss"))
        {
            series.Add(trace.Line("held_out", "Held-out", 2, r => r.Evaluated("loss")) with { Dots = true });
        }

        return new ChartData("loss", "Loss", trace.Axis, ValueKind.Measure, series) { Jumps = true, Note = "the band spans the round's clients, least to greatest" };
    }

    private static ChartData Rewards(RunTrace trace) => new(
        "rewards", "Implicit rewards", trace.Axis, ValueKind.Measure,
        [
            trace.Line("chosen", "Chosen", 3, r => r.Rewards?.Chosen),
            trace.Line("rejected", "Rejected", 2, r => r.Rewards?.Rejected),
            trace.Line("margin", "Margin", 1, r => r.Rewards?.Margin),
        ])
    {
        Jumps = true,
    };

    private static ChartData Accuracy(RunTrace trace) => new(
        "reward_accuracy", "Reward accuracy", trace.Axis, ValueKind.Measure, [trace.Line("accuracy", "Training", 1, r => r.Rewards?.Accuracy)])
    {
        Jumps = true,
    };

    private static ChartData Suite(RunTrace trace, string suite) => new(
        "eval-" + suite, suite, trace.Axis, ValueKind.Measure, [trace.Line("held_out", "Held-out", 2, r => r.Evaluated(suite)) with { Dots = true }]);

    // Own adapters are those of some clients only; so the global one is shown over the same clients too, where the two differ.
    private static ChartData Held(RunTrace trace, string measure)
    {
        bool partly = trace.Rounds.Any(r => r.ClientEvaluation?.Any(c => c.Own is not null) == true && r.ClientEvaluation.Any(c => c.Own is null));
        return new ChartData(
            "held-" + measure, ClientCharts.Title(measure, "clients'"), trace.Axis, ValueKind.Measure,
            [
                Measured(trace, "global", "Global adapter, mean", 1, r => Held(r, measure, own: false, having: false)),
                .. partly ? [Measured(trace, "global_same", "Global adapter, clients with their own", 8, r => Held(r, measure, own: false, having: true))] : Array.Empty<ChartSeries>(),
                Measured(trace, "own", "Their own adapters, mean", 2, r => Held(r, measure, own: true, having: true)),
            ])
        {
            Note = "plain means over the clients measured; the bands span them, least to greatest",
        };
    }

    private static IReadOnlyList<double> Held(RoundRow row, string measure, bool own, bool having) =>
    [
        .. (row.ClientEvaluation ?? []).Where(c => !having || c.Own is not null)
            .Select(c => (own ? c.Own : c.Global)?.GetValueOrDefault(measure)).OfType<double>().Where(double.IsFinite),
    ];

    // Only the rounds that were evaluated are points, so that a band spans those between.
    private static ChartSeries Measured(RunTrace trace, string key, string label, int color, Func<RoundRow, IReadOnlyList<double>> values)
    {
        IReadOnlyList<double>[] byRound = [.. trace.Rounds.Select(values)];
        int[] kept = [.. Enumerable.Range(0, byRound.Length).Where(i => byRound[i].Count > 0)];
        return new ChartSeries(key, label, color, [.. kept.Select(i => trace.X[i])], [.. kept.Select(i => byRound[i].Average())])
        {
            Dots = true,
            Low = [.. kept.Select(i => byRound[i].Min())],
            High = [.. kept.Select(i => byRound[i].Max())],
            Band = "clients, least to greatest",
        };
    }

    private static ChartData LearningRate(RunTrace trace) => new(
        "learning_rate", "Learning rate", trace.Axis, ValueKind.Measure,
        [trace.Line("learning_rate", "Clients' learning rate", 4, r => r.Round == 0 ? null : r.LearningRate)])
    {
        FromZero = true,
    };

    private static ChartData Participation(RunTrace trace) => new(
        "participation", "Participation", trace.Axis, ValueKind.Count,
        [
            trace.Line("sampled", "Sampled", 8, r => r.Round == 0 ? null : r.Cohort.Count),
            trace.Line("members", "Members", 3, r => r.Round == 0 ? null : r.Clients.Count),
            trace.Line("excluded", "Excluded", 2, r => r.Round == 0 ? null : r.Excluded.Count),
        ])
    {
        FromZero = true,
    };

    private static ChartData Bytes(RunView run, RunTrace trace)
    {
        var series = new List<ChartSeries>
        {
            trace.Sum("down", "Down", 1, r => r.BytesDown),
            trace.Sum("up", "Up", 3, r => r.BytesUp),
            trace.Sum("both", "Both", 8, r => r.BytesDown + r.BytesUp),
        };
        if (Budget(run) is { } budget && series[0].X.Length > 0)
        {
            series.Add(new ChartSeries("budget", "Budget", 2, [series[0].X[0], series[0].X[^1]], [budget, budget]) { Bound = true });
        }

        return new ChartData("bytes", "Bytes moved", trace.Axis, ValueKind.Bytes, series) { FromZero = true };
    }

    /// <summary>The bytes that the run may move, or null.</summary>
    public static double? Budget(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        return double.TryParse(
            run.Setting("federation.budget_mb"), System.Globalization.NumberStyles.Float, System.Globalization.CultureInfo.InvariantCulture, out double mebibytes)
            ? mebibytes * Mebibyte
            : null;
    }

    private static ChartData Seconds(RunTrace trace)
    {
        string[] phases = [.. Phases.Union(trace.Rounds.SelectMany(r => r.Seconds.Keys).Distinct(StringComparer.Ordinal)).Where(p => trace.Rounds.Any(r => r.Seconds.ContainsKey(p)))];
        return new ChartData(
            "seconds", "Seconds by phase", trace.Axis, ValueKind.Seconds,
            [.. phases.Select((phase, i) => trace.Line(phase, phase, (i % 8) + 1, r => r.Round == 0 ? null : r.Seconds.GetValueOrDefault(phase)))])
        {
            Stacked = true,
            FromZero = true,
        };
    }

    private static ChartData Speed(RunTrace trace) => new(
        "tokens_per_second", "Tokens per second of training", trace.Axis, ValueKind.Count,
        [trace.Line("tokens_per_second", "Tokens/s", 6, r => r.Seconds.GetValueOrDefault("train") is > 0 and var seconds ? r.Tokens / seconds : null)])
    {
        FromZero = true,
        Jumps = true,
    };
}
