using System.Text;
using FedLLM.Dashboard.Tests.Browser;
using FedLLM.Dashboard.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed class OtlpTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1); // against a hang

    [Fact]
    public async Task Dashboard_CollectorNamedByTheEnvironment_GetsMetricsAndATraceOfARound()
    {
        using var run = new RunFiles("told", rounds: 100_000);
        run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3));
        int round = 1;
        var traced = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var measured = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);

        var spans = new StringBuilder();

        // A collector that lets a round end whenever it hears of metrics, until it hears of a round.
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        await using WebApplication collector = builder.Build();
        collector.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            string text = Encoding.Latin1.GetString(body.ToArray()); // protobuf keeps texts as they are
            if (signal == "metrics" && text.Contains("told", StringComparison.Ordinal))
            {
                measured.TrySetResult(text);
                if (!traced.Task.IsCompleted)
                {
                    run.Append(RunFiles.Line(Interlocked.Increment(ref round), 2));
                }
            }
            else if (signal == "traces")
            {
                // A round's phases may travel in an earlier batch than the round, which ends after them.
                lock (spans)
                {
                    if (spans.Append(text).ToString().Contains("fedllm.run", StringComparison.Ordinal))
                    {
                        traced.TrySetResult(spans.ToString());
                    }
                }
            }

            return Results.Bytes([], "application/x-protobuf");
        });
        await collector.StartAsync();
        using Fedllm dashboard = await Fedllm.Start(
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Urls.First()), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
                ("OTEL_BSP_SCHEDULE_DELAY", "100"), ("OTEL_SERVICE_NAME", "seventh-floor"),
            ],
            "dashboard", run.Root, "--urls", "http://127.0.0.1:0");
        string metrics = await measured.Task.WaitAsync(Limit);
        Assert.Contains("fedllm_run_rounds_done", metrics, StringComparison.Ordinal);
        Assert.Contains("fedllm_run_seconds", metrics, StringComparison.Ordinal);
        Assert.Contains("seventh-floor", metrics, StringComparison.Ordinal);
        string trace = await traced.Task.WaitAsync(Limit);
        foreach (string word in (string[])["round", "train", "aggregate", "fedllm.run", "told", "seventh-floor", RunFiles.Hash(1)[..56]])
        {
            Assert.Contains(word, trace, StringComparison.Ordinal);
        }
    }
}
