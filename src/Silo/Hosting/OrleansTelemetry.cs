using FedLLM.Dashboard.Telemetry;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace FedLLM.Silo.Hosting;

/// <summary>
/// Sends what Orleans measures, and a trace of every grain call with the calls that it makes on other silos, to an OpenTelemetry collector. It is configured by the
/// environment, as the dashboard's export is.
/// </summary>
internal sealed class OrleansTelemetry : IHostedService, IDisposable
{
    private const string Meter = "Microsoft.Orleans";
    private const string Sources = "Microsoft.Orleans.*";

    private readonly MeterProvider _metrics;
    private readonly TracerProvider _traces;

    /// <summary>Listens from here on.</summary>
    public OrleansTelemetry(SiloSettings settings)
    {
        ResourceBuilder resource = OtlpCollector.Sender("fedllm-silo", settings.ToString());
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(Meter).AddOtlpExporter().Build();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(Sources).AddOtlpExporter().Build();
    }

    /// <inheritdoc/>
    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Sends what is left.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _traces.Dispose();
    }
}
