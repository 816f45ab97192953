using System.Net;
using FedLLM.Dashboard.Feed;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace FedLLM.Dashboard.Hosting;

/// <summary>Serves the dashboard over a feed until disposed.</summary>
public sealed class DashboardServer : IAsyncDisposable
{
    /// <summary>Where it listens unless told otherwise.</summary>
    public const string UsualUrl = "http://127.0.0.1:5080";

    private const int MaxRequestBytes = 64 * 1024;
    private readonly WebApplication _app;

    private DashboardServer(WebApplication app, string address, string? link)
    {
        _app = app;
        Address = address;
        Link = link;
    }

    /// <summary>Where it listens, with the port that it got.</summary>
    public string Address { get; }

    /// <summary>The address that lets one browser in, once; null where everybody or whoever has the token may enter.</summary>
    public string? Link { get; }

    /// <summary>Checks an address to listen on: <c>http</c>, a host, perhaps a port.</summary>
    /// <returns>What is wrong with it, a sentence without a full stop; null where nothing is.</returns>
    public static string? ProblemOf(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Host.Length == 0)
        {
            return $"'{url}' is not an address such as {UsualUrl}";
        }

        return uri.Scheme == Uri.UriSchemeHttp
            ? uri.AbsolutePath is "/" && uri.Query.Length == 0 ? null : $"'{url}' has a path; give the host and the port alone"
            : $"'{url}' is not http: put a proxy that ends TLS before the dashboard";
    }

    /// <summary>Starts to serve.</summary>
    /// <param name="feed">What is shown.</param>
    /// <param name="url">Where to listen; port 0 takes a free one.</param>
    /// <param name="token">What whoever enters must show; null for none, or for a one-time link where other machines can reach the address.</param>
    /// <param name="clock">Times messages.</param>
    /// <param name="warn">Hears of failures, a line each.</param>
    /// <exception cref="IOException">The address is in use or is not this machine's.</exception>
    public static async Task<DashboardServer> StartAsync(IRunFeed feed, string url, string? token, TimeProvider clock, Action<string> warn)
    {
        ArgumentNullException.ThrowIfNull(feed);
        ArgumentNullException.ThrowIfNull(url);
        _ = Task.Run(feed.Runs); // they are read while the application is put together
        var asked = new Uri(url);
        bool loopback = asked.IsLoopback;
        var gate = new AccessGate(string.IsNullOrEmpty(token) ? null : token, loopback);
        WebApplication app = Build(feed, asked, gate, loopback, clock, warn);
        try
        {
            await app.StartAsync().ConfigureAwait(false);
        }
        catch
        {
            await app.DisposeAsync().ConfigureAwait(false);
            throw;
        }

        string bound = app.Urls.First().TrimEnd('/');
        _ = WarmAsync(feed, gate, bound);
        return new DashboardServer(app, bound, gate.Link is { } link ? $"{Reachable(bound)}/?link={link}" : null);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        using var soon = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            await _app.StopAsync(soon.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Requests that would not end are cut off.
        }

        await _app.DisposeAsync().ConfigureAwait(false);
    }

    private static WebApplication Build(IRunFeed feed, Uri asked, AccessGate gate, bool loopback, TimeProvider clock, Action<string> warn)
    {
        // No configuration files, no environment variables: the dashboard is what its host says.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = typeof(DashboardServer).Assembly.GetName().Name });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxRequestBytes;
        });
        builder.WebHost.UseUrls($"http://{asked.Authority}");
        DashboardApplication.AddServices(builder.Services, gate);
        builder.Services.AddSingleton(feed).AddSingleton(clock);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.RemoveAll<ILoggerProvider>();
        builder.Logging.AddProvider(new WarningLog(warn));
        WebApplication app = builder.Build();
        DashboardApplication.Use(app, gate, loopback ? [] : [asked.Host, Dns.GetHostName()], loopback);
        return app;
    }

    // The first request would wait for routes and pages to be compiled and for run directories to be read. So the first is ours.
    private static async Task WarmAsync(IRunFeed feed, AccessGate gate, string bound)
    {
        try
        {
            using var client = new HttpClient { BaseAddress = new UriBuilder(bound) { Host = IPAddress.Loopback.ToString() }.Uri };
            client.DefaultRequestHeaders.Add("Cookie", gate.OwnCookie);
            using HttpResponseMessage api = await client.GetAsync("/api").ConfigureAwait(false); // asks for no run, so it is compiled while they are read
            using HttpResponseMessage runs = await client.GetAsync("/").ConfigureAwait(false);
            if (feed.Runs() is [var first, ..])
            {
                using HttpResponseMessage run = await client.GetAsync("/runs/" + first.Id).ConfigureAwait(false);
            }
        }
        catch (HttpRequestException)
        {
            // It ends already, or listens elsewhere than on this machine's loopback: then somebody else is first.
        }
    }

    // A wildcard is no address to open.
    private static string Reachable(string bound)
    {
        var uri = new UriBuilder(bound);
        if (uri.Host is "0.0.0.0" or "[::]" or "+" or "*")
        {
            uri.Host = Dns.GetHostName();
        }

        return uri.Uri.GetLeftPart(UriPartial.Authority);
    }

    /// <summary>Signals belong to the program that hosts the dashboard.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
