using OpenTelemetry.Resources;

namespace FedLLM.Dashboard.Telemetry;

/// <summary>The OpenTelemetry collector that the environment names, for all that this program sends to it.</summary>
public static class OtlpCollector
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";

    /// <summary>Whether the environment names one.</summary>
    public static bool IsAsked => !string.IsNullOrWhiteSpace(Environment.GetEnvironmentVariable(Endpoint));

    /// <summary>Returns who sends; a name in the environment stands before <paramref name="service"/>.</summary>
    /// <param name="service">The service's name.</param>
    /// <param name="instance">Which one of it; a random one by default.</param>
    public static ResourceBuilder Sender(string service, string? instance = null) =>
        ResourceBuilder.CreateEmpty().AddService(service, serviceInstanceId: instance).AddTelemetrySdk().AddEnvironmentVariableDetector();
}
