using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>What a silo tells an OpenTelemetry collector.</summary>
public sealed class TelemetryTests
{
    [Fact]
    public async Task Silo_CollectorNamedByTheEnvironment_GetsOrleansMetricsAndTracesOfGrainCalls()
    {
        await using TelemetrySink collector = await TelemetrySink.StartAsync();
        await using var cluster = new Cluster("--name", "measured-silo");
        collector.Hear(cluster);
        await cluster.StartAsync(1);
        await cluster.RunAsync("demo", "federation.rounds=1", "evaluation.every=1");
        await cluster.FinishAsync("demo");
        await Cluster.UntilAsync(() => Got("metrics", "orleans-") && Got("traces", "IClientGrain"));

        bool Got(string signal, string what) => collector.Received.Any(r => r.Signal == signal
            && r.Text.Contains(what, StringComparison.Ordinal) && r.Text.Contains("measured-silo", StringComparison.Ordinal));
    }
}
