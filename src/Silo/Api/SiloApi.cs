using System.Net;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Silo.Blobs;
using FedLLM.Silo.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Dashboard;

namespace FedLLM.Silo.Api;

/// <summary>
/// A silo over HTTP, all behind one token: the dashboard with the API that the command line speaks, Orleans' own dashboard, and the silo's health, which alone
/// is open.
/// </summary>
internal static class SiloApi
{
    private const string Ready = "ready";

    /// <summary>Registers it.</summary>
    /// <param name="builder">The silo's host.</param>
    /// <param name="settings">Where it listens and for whom.</param>
    public static void Add(WebApplicationBuilder builder, SiloSettings settings)
    {
        Uri url = settings.ApiUri!;
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
        }).UseUrls($"http://{url.Authority}");
        builder.Services.AddSingleton<ClusterRuns>();
        builder.Services.AddHostedService(s => s.GetRequiredService<ClusterRuns>());
        builder.Services.AddSingleton<IRunFeed>(s => new RunDirectoryFeed(
            [s.GetRequiredService<RunStore>().Shown], s.GetRequiredService<ClusterRuns>(), s.GetRequiredService<TimeProvider>()));
        DashboardApplication.AddServices(builder.Services, new AccessGate(settings.ApiToken(), url.IsLoopback));
        builder.Services.AddHealthChecks().AddCheck<SiloHealth>("silo", tags: [Ready]);
    }

    /// <summary>Maps it.</summary>
    public static void Map(WebApplication app, SiloSettings settings)
    {
        Uri url = settings.ApiUri!;
        DashboardApplication.Use(app, app.Services.GetRequiredService<AccessGate>(), url.IsLoopback ? [] : [url.Host, Dns.GetHostName()], url.IsLoopback);
        app.MapHealthChecks(DashboardApplication.HealthPath + "/live", new HealthCheckOptions { Predicate = _ => false });
        app.MapHealthChecks(DashboardApplication.HealthPath + "/ready", new HealthCheckOptions { Predicate = c => c.Tags.Contains(Ready) });
        WayBack.Use(app);
        app.MapOrleansDashboard(DashboardApplication.GrainsPath);
    }
}
