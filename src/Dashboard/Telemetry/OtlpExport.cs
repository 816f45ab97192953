using System.Diagnostics;
using System.Diagnostics.Metrics;
using FedLLM.Dashboard.Feed;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace FedLLM.Dashboard.Telemetry;

/// <summary>
/// Sends a feed's metrics, and a trace of every round that ends while it is watched, to an OpenTelemetry collector. It is configured as every OpenTelemetry
/// program is, by <c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, <c>OTEL_EXPORTER_OTLP_PROTOCOL</c>, <c>OTEL_METRIC_EXPORT_INTERVAL</c>, <c>OTEL_SERVICE_NAME</c> and so on.
/// </summary>
internal sealed class OtlpExport : IHostedService, IDisposable
{
    private const string Source = "FedLLM";

    private readonly Meter _meter = new(Source);
    private readonly ActivitySource _rounds = new(Source);
    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;
    private readonly CancellationTokenSource _ending = new();
    private readonly IRunFeed _feed;
    private readonly TimeProvider _clock;
    private Task _watch = Task.CompletedTask;

    /// <summary>Prepares to send what <paramref name="feed"/> shows.</summary>
    public OtlpExport(IRunFeed feed, TimeProvider clock)
    {
        _feed = feed;
        _clock = clock;
        foreach (FeedMetric metric in FeedMetrics.All)
        {
            string? unit = metric.Unit.Length == 0 ? null : metric.Unit;
            if (metric.IsCounter)
            {
                _meter.CreateObservableCounter(metric.Name, () => Measure(metric, feed), unit, metric.Help);
            }
            else
            {
                _meter.CreateObservableGauge(metric.Name, () => Measure(metric, feed), unit, metric.Help);
            }
        }

        ResourceBuilder resource = OtlpCollector.Sender("fedllm");
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Source).AddOtlpExporter().Build();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Source).AddOtlpExporter().Build();
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken)
    {
        _watch = WatchAsync(_ending.Token);
        return Task.CompletedTask;
    }

    /// <summary>Ends watching; what is left is sent as this is disposed.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await _watch.ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _metrics.Dispose();
        _traces.Dispose();
        _meter.Dispose();
        _rounds.Dispose();
        _ending.Dispose();
    }

    private static IEnumerable<Measurement<double>> Measure(FeedMetric metric, IRunFeed feed) =>
        metric.Samples(feed).Select(s => new Measurement<double>(s.Value, s.Labels.Select(l => new KeyValuePair<string, object?>(l.Name, l.Value))));

    // What was done before is known from nowhere but its sums, so traces begin with the first round that ends here.
    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        await Task.Yield(); // the host need not wait until runs are read
        long version = _feed.Version;
        Dictionary<string, int> told = _feed.Runs().ToDictionary(r => r.Id, r => r.Done, StringComparer.Ordinal);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                version = await _feed.WaitAsync(version, cancellationToken).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            foreach (RunView run in _feed.Runs())
            {
                // Several rounds may have ended since the last look: the newest ended now, each before where the next began.
                DateTimeOffset end = _clock.GetUtcNow();
                int seen = told.GetValueOrDefault(run.Id, run.Done);
                foreach (RoundRow row in run.Rounds.Reverse().TakeWhile(r => r.Round > seen))
                {
                    end = Trace(run, row, end);
                }

                told[run.Id] = run.Done;
            }
        }
    }

    // A round's phases follow one another; how long each took is recorded, when it began is not.
    private DateTimeOffset Trace(RunView run, RoundRow row, DateTimeOffset end)
    {
        DateTimeOffset start = end - TimeSpan.FromSeconds(row.AllSeconds);
        using Activity? round = _rounds.StartActivity("round", ActivityKind.Internal, default(ActivityContext), startTime: start);
        if (round is null)
        {
            return start;
        }

        round.SetTag("fedllm.run", run.Id).SetTag("fedllm.round", row.Round).SetTag("fedllm.members", row.Clients.Count).SetTag("fedllm.excluded", row.Excluded.Count)
            .SetTag("fedllm.train_loss", row.TrainLoss).SetTag("fedllm.adapter", row.Adapter);
        if (row.Abandoned is { } why)
        {
            round.SetStatus(ActivityStatusCode.Error, why);
        }

        DateTimeOffset at = start;
        foreach ((string phase, double seconds) in row.Seconds)
        {
            using Activity? part = _rounds.StartActivity(phase, ActivityKind.Internal, round.Context, startTime: at);
            at += TimeSpan.FromSeconds(seconds);
            part?.SetEndTime(at.UtcDateTime);
        }

        round.SetEndTime(end.UtcDateTime);
        return start;
    }
}
