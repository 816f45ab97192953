using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Telemetry;
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
            .WithSummary("Server-sent events: the first names the host, each further one the runs that changed, and whether the cluster did.");
        app.MapGet("/metrics", (IRunFeed feed) => Results.Text(PrometheusText.Write(feed), "text/plain; version=0.0.4; charset=utf-8", Encoding.UTF8))
            .WithSummary("Metrics in Prometheus' text format.").Produces<string>(StatusCodes.Status200OK, "text/plain");
    }

    private static async IAsyncEnumerable<SseItem<FeedChange>> ChangesAsync(
        IRunFeed feed, TimeProvider clock, CancellationToken stopping, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellationToken);
        long told = feed.Version;
        ClusterView? shown = feed.Cluster();
        yield return new SseItem<FeedChange>(new FeedChange(Host, told, []), "hello") { ReconnectionInterval = Reconnect };
        while (!either.IsCancellationRequested)
        {
            long version = await NextAsync(feed, clock, told, either.Token).ConfigureAwait(false);
            if (either.IsCancellationRequested)
            {
                yield break;
            }

            ClusterView? cluster = feed.Cluster();
            yield return version > told
                ? new SseItem<FeedChange>(new FeedChange(Host, version, [.. feed.Runs().Where(r => r.Version > told).Select(r => r.Id)]) { Cluster = !ReferenceEquals(cluster, shown) }, "change")
                : new SseItem<FeedChange>(new FeedChange(Host, version, []), "beat");
            (told, shown) = (version, cluster);
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
}
