using System.Net;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Running;
using FedLLM.Grains;
using FedLLM.Silo.Api;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;
using Orleans.Dashboard;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace FedLLM.Silo.Hosting;

/// <summary>Makes a silo of its settings.</summary>
public static class SiloHost
{
    /// <summary>Makes the host; nothing runs yet.</summary>
    /// <param name="args">The command line.</param>
    /// <exception cref="SiloSettingsException">A setting is wrong.</exception>
    public static IHost Build(string[] args)
    {
        // The settings file lies beside the program; the working directory is where relative paths start.
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        SiloSettings settings = Add(builder, args);
        if (settings.ApiUri is null)
        {
            return builder.Build();
        }

        // The same once more with a web server.
        WebApplicationBuilder web = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        Add(web, args);
        SiloApi.Add(web, settings);
        WebApplication app = web.Build();
        SiloApi.Map(app, settings);
        return app;
    }

    private static SiloSettings Add(IHostApplicationBuilder builder, string[] args)
    {
        builder.Configuration.AddCommandLine(args, SiloSettings.Switches.ToDictionary());
        SiloSettings settings = Read(builder.Configuration);
        settings.Check();
        AddTraining(builder.Services, settings);
        builder.UseOrleans(silo => Configure(silo, settings));
        return settings;
    }

    private static SiloSettings Read(IConfiguration configuration)
    {
        try
        {
            return configuration.GetSection(SiloSettings.Section).Get<SiloSettings>(o => o.ErrorOnUnknownConfiguration = true) ?? new SiloSettings();
        }
        catch (InvalidOperationException wrong)
        {
            throw new SiloSettingsException(wrong.Message, wrong);
        }
    }

    // One base model of a run for coordinator and clients alike, and one queue for the device.
    private static void AddTraining(IServiceCollection services, SiloSettings settings)
    {
        string store = Path.GetFullPath(settings.Store);
        Directory.CreateDirectory(store);
        services.AddSingleton(settings);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new PreparedRuns(settings.Threads ?? Environment.ProcessorCount));
        services.AddSingleton(s => new DeviceQueue(TimeSpan.FromMilliseconds(settings.GatherMilliseconds), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new HostedRuns(
            store, s.GetRequiredService<PreparedRuns>(), s.GetRequiredService<DeviceQueue>(), s.GetRequiredService<TimeProvider>()));
        services.AddSingleton(s => new RunHosting(
            store, s.GetRequiredService<PreparedRuns>(), TimeSpan.FromSeconds(settings.WakeSeconds), s.GetRequiredService<TimeProvider>()));
    }

    private static void Configure(ISiloBuilder silo, SiloSettings settings)
    {
        silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (settings.Cluster, settings.Cluster));
        silo.Configure<SiloOptions>(o => o.SiloName = settings.Name ?? FormattableString.Invariant($"{Environment.MachineName}-{settings.Port}"));
        silo.ConfigureEndpoints(IPAddress.Parse(settings.Address), settings.Port, settings.GatewayPort, listenOnAnyHostAddress: false);
        silo.Configure<ClusterMembershipOptions>(o => o.ProbeTimeout = TimeSpan.FromSeconds(settings.ProbeSeconds));
        silo.Configure<ReminderOptions>(o => o.MinimumReminderPeriod = TimeSpan.FromSeconds(1));
        silo.UseSiloMetadata(new Dictionary<string, string> { [TrainingDevicePlacementFilter.DevicesKey] = string.Join(',', settings.DeviceNames()) });
        silo.AddTrainingDevicePlacement();
        silo.AddReminders();
        if (settings.ApiUri is not null)
        {
            silo.AddDashboard();
        }

        ClusterState.Add(silo, settings);
    }
}
