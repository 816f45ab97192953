using System.Globalization;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Summaries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Hosting;

namespace FedLLM.Dashboard.Hosting;

/// <summary>Server-sent events, which tell that something changed, and metrics in Prometheus' text format.</summary>
internal static class LiveRoutes
{
    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Reconnect = TimeSpan.FromSeconds(1);

    // Another one in each process: a page that sees a new one knows that its host was restarted.
    private static readonly string Host = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    /// <summary>Maps them.</summary>
    public static void Map(IEndpointRouteBuilder app)
    {
        app.MapGet("/api/events", (IRunFeed feed, IHostApplicationLifetime lifetime, TimeProvider clock, HttpContext context) =>
            TypedResults.ServerSentEvents(ChangesAsync(feed, clock, lifetime.ApplicationStopping, context.RequestAborted)))
            .WithSummary("Server-sent events: the first names the host, each further one the runs that changed.");
        app.MapGet("/metrics", (IRunFeed feed) => Results.Text(Metrics(feed.Runs()), "text/plain; version=0.0.4; charset=utf-8", Encoding.UTF8))
            .WithSummary("Metrics in Prometheus' text format.").Produces<string>(StatusCodes.Status200OK, "text/plain");
    }

    private static async IAsyncEnumerable<SseItem<FeedChange>> ChangesAsync(
        IRunFeed feed, TimeProvider clock, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        long told = feed.Version;
        yield return new SseItem<FeedChange>(new FeedChange(Host, told, []), "hello") { ReconnectionInterval = Reconnect };
        while (!either.IsCancellationRequested)
        {
            long version = await NextAsync(feed, clock, told, either.Token).ConfigureAwait(false);
            if (either.IsCancellationRequested)
            {
                yield break;
            }

            yield return version > told
                ? new SseItem<FeedChange>(new FeedChange(Host, version, [.. feed.Runs().Where(r => r.Version > told).Select(r => r.Id)]), "change")
                : new SseItem<FeedChange>(new FeedChange(Host, version, []), "beat");
            told = version;
        }
    }

    // The version after a change, or the same after a while, so that a connection that broke unseen is found.
    private static async Task<long> NextAsync(IRunFeed feed, TimeProvider clock, long told, CancellationToken cancellationToken)
    {
        using var while15 = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using ITimer timer = clock.CreateTimer(_ => while15.Cancel(), null, Heartbeat, Timeout.InfiniteTimeSpan);
        try
        {
            return await feed.WaitAsync(told, while15.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return told;
        }
    }

    private static string Metrics(IReadOnlyList<RunView> runs)
    {
        (RunView Run, RunSummary Sum)[] all = [.. runs.Select(r => (r, RunSummary.Of(r)))];
        var text = new StringBuilder();
        Write("fedllm_run_rounds_done", "gauge", "Last round done.", r => r.Sum.Round);
        Write("fedllm_run_rounds_planned", "gauge", "Rounds planned.", r => r.Sum.Rounds);
        Write("fedllm_run_active", "gauge", "1 while a process works on the run.", r => r.Run.State == RunState.Running ? 1 : 0);
        Write("fedllm_run_train_loss", "gauge", "Training loss of the last round that has one.", r => r.Sum.TrainLoss);
        Write("fedllm_run_clients_excluded_total", "counter", "Sampled clients whose update did not count.", r => r.Run.Rounds.Sum(x => x.Excluded.Count));
        Write("fedllm_run_rounds_abandoned_total", "counter", "Rounds abandoned.", r => r.Run.Rounds.Count(x => x.Abandoned is not null));
        Write("fedllm_run_bytes_down_total", "counter", "Bytes of payload sent to clients.", r => r.Sum.BytesDown);
        Write("fedllm_run_bytes_up_total", "counter", "Bytes of payload received from clients.", r => r.Sum.BytesUp);
        Write("fedllm_run_tokens_total", "counter", "Tokens that clients processed.", r => r.Sum.Tokens);
        Header("fedllm_run_seconds_total", "counter", "Wall time by phase.");
        foreach ((RunView run, _) in all)
        {
            foreach (string phase in run.Rounds.SelectMany(r => r.Seconds.Keys).Distinct(StringComparer.Ordinal))
            {
                Sample("fedllm_run_seconds_total", $"run=\"{Escape(run.Id)}\",phase=\"{Escape(phase)}\"", run.Rounds.Sum(r => r.Seconds.GetValueOrDefault(phase)));
            }
        }

        Header("fedllm_run_evaluation", "gauge", "Suites' values of the last evaluation.");
        foreach ((RunView run, RunSummary sum) in all)
        {
            foreach ((string suite, double? value) in sum.Evaluation ?? new Dictionary<string, double?>())
            {
                Sample("fedllm_run_evaluation", $"run=\"{Escape(run.Id)}\",suite=\"{Escape(suite)}\"", value);
            }
        }

        return text.ToString();

        void Write(string name, string type, string help, Func<(RunView Run, RunSummary Sum), double?> value)
        {
            Header(name, type, help);
            foreach ((RunView Run, RunSummary Sum) run in all)
            {
                Sample(name, $"run=\"{Escape(run.Run.Id)}\"", value(run));
            }
        }

        void Header(string name, string type, string help) => text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");

        void Sample(string name, string labels, double? value)
        {
            if (value is { } number)
            {
                text.Append(CultureInfo.InvariantCulture, $"{name}{{{labels}}} {number:R}\n");
            }
        }
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
