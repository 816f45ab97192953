using System.Text;
using FedLLM.Silo.Tests.Clusters;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Silo.Tests;

/// <summary>What a silo tells an OpenTelemetry collector.</summary>
public sealed class TelemetryTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2); // against a hang

    [Fact]
    public async Task Silo_CollectorNamedByTheEnvironment_GetsOrleansMetricsAndTracesOfGrainCalls()
    {
        var measured = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var traced = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication collector = builder.Build();
        collector.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            string text = Encoding.Latin1.GetString(body.ToArray()); // protobuf keeps texts as they are
            if (signal == "metrics" && text.Contains("orleans-", StringComparison.Ordinal))
            {
                measured.TrySetResult(text);
            }
            else if (signal == "traces" && text.Contains("IClientGrain", StringComparison.Ordinal))
            {
                traced.TrySetResult(text);
            }

            return Results.Bytes([], "application/x-protobuf");
        });
        await collector.StartAsync();
        await using var cluster = new Cluster("--name", "measured-silo");
        cluster.Environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.Urls.First();
        cluster.Environment["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf";
        cluster.Environment["OTEL_METRIC_EXPORT_INTERVAL"] = "100";
        cluster.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        await cluster.StartAsync(1);
        await cluster.RunAsync("demo", "federation.rounds=1", "evaluation.every=1");
        await cluster.FinishAsync("demo");
        Assert.Contains("measured-silo", await measured.Task.WaitAsync(Limit), StringComparison.Ordinal);
        Assert.Contains("measured-silo", await traced.Task.WaitAsync(Limit), StringComparison.Ordinal);
    }
}
