using System.Text.Json;
using System.Text.Json.Serialization;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;

namespace FedLLM.Dashboard.Hosting;

/// <summary>
/// The dashboard and its API as parts of a web application. Its host registers an <see cref="IRunFeed"/> and a <see cref="TimeProvider"/>, and may map addresses
/// of its own beside them.
/// </summary>
public static class DashboardApplication
{
    /// <summary>Addresses below it are the host's own and ask for nothing: they must tell no more than that the host lives.</summary>
    public const string HealthPath = "/health";

    /// <summary>Addresses below it are those of another dashboard that the host serves behind the same token; its own styles and scripts may run there.</summary>
    public const string GrainsPath = "/orleans";

    /// <summary>Registers what the pages need besides the feed and the clock.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="gate">Who may enter.</param>
    public static void AddServices(IServiceCollection services, AccessGate gate)
    {
        services.AddRoutingCore();
        services.AddRazorComponents();
        services.AddDataProtection().UseEphemeralDataProtectionProvider(); // nothing is kept on the disk
        services.AddOpenApi("openapi", options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info.Title = "FedLLM dashboard";
            document.Info.Version = "1";
            document.Servers = [];
            return Task.CompletedTask;
        }));
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower));
        });
        services.AddSingleton(gate).AddSingleton<DashboardAssets>();
        if (OtlpCollector.IsAsked)
        {
            services.AddHostedService<OtlpExport>();
        }
    }

    /// <summary>Checks every request, then answers with pages, API and live updates.</summary>
    /// <param name="app">The application.</param>
    /// <param name="gate">Who may enter.</param>
    /// <param name="hosts">Names in Host headers that are this application, besides localhost and addresses.</param>
    /// <param name="loopback">Whether only this machine can reach it.</param>
    public static void Use(WebApplication app, AccessGate gate, IReadOnlyList<string> hosts, bool loopback)
    {
        ArgumentNullException.ThrowIfNull(app);
        app.Use(new RequestChecks(gate, hosts, loopback).CheckAsync);
        app.UseRouting();
        app.Services.GetRequiredService<DashboardAssets>().Map(app);
        app.MapOpenApi("/api/{documentName}.json");
        ApiRoutes.Map(app);
        LiveRoutes.Map(app);
        PageRoutes.Map(app);
    }
}
