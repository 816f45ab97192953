using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;

namespace FedLLM.Dashboard.Telemetry;

/// <summary>One value of a metric.</summary>
/// <param name="Value">The value.</param>
/// <param name="Labels">What it is the value of, by label.</param>
internal sealed record MetricSample(double Value, IReadOnlyList<(string Name, string Value)> Labels);

/// <summary>A metric of everything that a feed shows.</summary>
/// <param name="Name">Its name, without the suffix that Prometheus gives to counters.</param>
/// <param name="IsCounter">Whether it only grows while a run goes on; resuming an interrupted run may take rounds back.</param>
/// <param name="Unit">UCUM's unit; empty for a number without one.</param>
/// <param name="Help">What it is, a sentence.</param>
/// <param name="Samples">Its values now.</param>
internal sealed record FeedMetric(string Name, bool IsCounter, string Unit, string Help, Func<IRunFeed, IEnumerable<MetricSample>> Samples);

/// <summary>The metrics that Prometheus reads and that OTLP sends.</summary>
internal static class FeedMetrics
{
    /// <summary>All.</summary>
    public static IReadOnlyList<FeedMetric> All { get; } =
    [
        Gauge("fedllm_run_rounds_done", "{round}", "Last round done.", (_, sum) => sum.Round),
        Gauge("fedllm_run_rounds_planned", "{round}", "Rounds planned.", (_, sum) => sum.Rounds),
        Gauge("fedllm_run_active", "", "1 while a process works on the run.", (run, _) => run.State is RunState.Running or RunState.Pausing ? 1 : 0),
        Gauge("fedllm_run_train_loss", "", "Training loss of the last round that has one.", (_, sum) => sum.TrainLoss),
        Counter("fedllm_run_clients_excluded", "{client}", "Sampled clients whose update did not count.", (run, _) => run.Rounds.Sum(r => r.Excluded.Count)),
        Counter("fedllm_run_rounds_abandoned", "{round}", "Rounds abandoned.", (run, _) => run.Rounds.Count(r => r.Abandoned is not null)),
        Counter("fedllm_run_bytes_down", "By", "Bytes of payload sent to clients.", (_, sum) => sum.BytesDown),
        Counter("fedllm_run_bytes_up", "By", "Bytes of payload received from clients.", (_, sum) => sum.BytesUp),
        Counter("fedllm_run_tokens", "{token}", "Tokens that clients processed.", (_, sum) => sum.Tokens),
        new FeedMetric("fedllm_run_seconds", true, "s", "Wall time by phase.", feed => feed.Runs().SelectMany(run => run.Rounds.SelectMany(r => r.Seconds)
            .GroupBy(s => s.Key, StringComparer.Ordinal)
            .Select(phase => new MetricSample(phase.Sum(s => s.Value), [("run", run.Id), ("phase", phase.Key)])))),
        new FeedMetric("fedllm_run_evaluation", false, "", "Suites' values of the last evaluation.", feed => feed.Runs().SelectMany(run =>
            (RunSummary.Of(run).Evaluation ?? new Dictionary<string, double?>()).Where(e => e.Value is not null)
            .Select(e => new MetricSample(e.Value!.Value, [("run", run.Id), ("suite", e.Key)])))),
        new FeedMetric("fedllm_cluster_silos", false, "{silo}", "Silos by state.", feed => (feed.Cluster()?.Silos ?? [])
            .CountBy(s => s.State).Select(s => new MetricSample(s.Value, [("state", s.Key.ToString().ToLowerInvariant())]))),
        Device("fedllm_cluster_device_training", "Clients that a device trains.", d => d.Training.Count),
        Device("fedllm_cluster_device_waiting", "Clients that wait for a device.", d => d.WaitingCount),
        new FeedMetric("fedllm_cluster_activations", false, "{activation}", "Activations by kind of grain.", feed => (feed.Cluster()?.Silos ?? [])
            .SelectMany(silo => silo.Activations.Select(a => new MetricSample(a.Value, [("silo", silo.Name), ("grain", a.Key)])))),
    ];

    private static FeedMetric Gauge(string name, string unit, string help, Func<RunView, RunSummary, double?> value) => new(name, false, unit, help, Runs(value));

    private static FeedMetric Counter(string name, string unit, string help, Func<RunView, RunSummary, double?> value) => new(name, true, unit, help, Runs(value));

    private static FeedMetric Device(string name, string help, Func<DeviceRow, double> value) => new(
        name, false, "{client}", help, feed => (feed.Cluster()?.Silos ?? []).SelectMany(silo => silo.Devices.Select(d => new MetricSample(value(d), [("silo", silo.Name), ("device", d.Name)]))));

    private static Func<IRunFeed, IEnumerable<MetricSample>> Runs(Func<RunView, RunSummary, double?> value) => feed =>
        from run in feed.Runs()
        let number = value(run, RunSummary.Of(run))
        where number is not null
        select new MetricSample(number.Value, [("run", run.Id)]);
}
