using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>An OpenTelemetry collector that keeps everything it is sent.</summary>
internal sealed class TelemetrySink : IAsyncDisposable
{
    private readonly List<(string Signal, string Text)> _received = [];
    private readonly WebApplication _server;

    private TelemetrySink(WebApplication server) => _server = server;

    /// <summary>What it was sent: <c>metrics</c> or <c>traces</c>, and the bytes, in which protobuf keeps texts as they are.</summary>
    public IReadOnlyList<(string Signal, string Text)> Received
    {
        get
        {
            lock (_received)
            {
                return [.. _received];
            }
        }
    }

    /// <summary>Starts one.</summary>
    public static async Task<TelemetrySink> StartAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        WebApplication server = builder.Build();
        var sink = new TelemetrySink(server);
        server.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            lock (sink._received)
            {
                sink._received.Add((signal, Encoding.Latin1.GetString(body.ToArray())));
            }

            return Results.Bytes([], "application/x-protobuf");
        });
        await server.StartAsync();
        return sink;
    }

    /// <summary>Lets the silos that a cluster starts from here on send to it.</summary>
    public void Hear(Cluster cluster)
    {
        cluster.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = _server.Urls.First();
        cluster.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        cluster.Environment["OTEL_METRIC_EXPORT_INTERVAL"] = "100";
        cluster.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();
}
