using System.Net;
using FedLLM.Dashboard.Telemetry;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using FedLLM.Grains;
using FedLLM.Silo.Api;
using FedLLM.Silo.Blobs;
using FedLLM.Silo.Trust;
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
    /// <summary>Runs a silo until it is told to end, or says what it takes where that is asked; returns the exit code.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="devices">What it may train on; the CPU engine alone by default.</param>
    public static async Task<int> RunAsync(string[] args, ITrainingDevices? devices = null)
    {
        if (SiloHelp.IsAsked(args))
        {
            await Console.Out.WriteAsync(SiloHelp.Text(AppDomain.CurrentDomain.FriendlyName, (devices ?? new CpuTrainingDevices()).Kinds)).ConfigureAwait(false);
            return 0;
        }

        try
        {
            using IHost host = Build(args, devices);
            await host.RunAsync().ConfigureAwait(false);
            return 0;
        }
        catch (SiloSettingsException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 2;
        }
    }

    /// <summary>Makes the host; nothing runs yet.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="devices">What it may train on; the CPU engine alone by default.</param>
    /// <exception cref="SiloSettingsException">A setting is wrong.</exception>
    public static IHost Build(string[] args, ITrainingDevices? devices = null)
    {
        devices ??= new CpuTrainingDevices();

        // The settings file lies beside the program; the working directory is where relative paths start.
        HostApplicationBuilder builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { ContentRootPath = AppContext.BaseDirectory });
        AddArguments(builder.Configuration, args);
        SiloSettings settings = Read(builder.Configuration);
        settings.Check(devices.Kinds);
        TrainingDevice[] own = Find(settings, devices);
        RunStore store = RunStore.Open(settings, TimeProvider.System);
        if (settings.ApiUri is null)
        {
            Add(builder, settings, store, own, devices.Tokenizers);
            return builder.Build();
        }

        WebApplicationBuilder web = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        AddArguments(web.Configuration, args);
        Add(web, settings, store, own, devices.Tokenizers);
        SiloApi.Add(web, settings);
        WebApplication app = web.Build();
        SiloApi.Map(app, settings);
        return app;
    }

    private static void AddArguments(IConfigurationBuilder configuration, string[] args) =>
        configuration.AddInMemoryCollection(SiloArguments.Read(args));

    private static void Add(IHostApplicationBuilder builder, SiloSettings settings, RunStore store, TrainingDevice[] devices, TokenizerLoader tokenizers)
    {
        AddTraining(builder.Services, settings, store, devices, tokenizers);
        if (settings.Insecure)
        {
            builder.Services.AddHostedService<InsecureWarning>();
        }

        if (OtlpCollector.IsAsked)
        {
            builder.Services.AddHostedService<OrleansTelemetry>();
        }

        builder.UseOrleans(silo => Configure(silo, settings, devices));
    }

    private static SiloSettings Read(ConfigurationManager configuration)
    {
        SiloArguments.RequireKnown(configuration);
        try
        {
            return configuration.GetSection(SiloSettings.Section).Get<SiloSettings>() ?? new SiloSettings();
        }
        catch (InvalidOperationException wrong)
        {
            throw new SiloSettingsException(wrong.Message, wrong);
        }
    }

    private static TrainingDevice[] Find(SiloSettings settings, ITrainingDevices devices)
    {
        try
        {
            return [.. settings.DeviceNames().SelectMany(devices.Find).DistinctBy(d => d.Name)];
        }
        catch (DeviceUnavailableException missing)
        {
            throw new SiloSettingsException($"Silo:Devices: {missing.Message}", missing);
        }
    }

    // One base model of a run for coordinator and clients alike, and one queue for each device.
    private static void AddTraining(IServiceCollection services, SiloSettings settings, RunStore store, IReadOnlyList<TrainingDevice> devices, TokenizerLoader tokenizers)
    {
        services.AddSingleton(settings);
        services.AddSingleton(_ => store); // whoever makes it disposes of it
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(s => ActivatorUtilities.CreateInstance<SiloDevices>(s, store.Root, store.Files, devices, tokenizers));
        services.AddSingleton(s => s.GetRequiredService<SiloDevices>().Pool);
        services.AddSingleton(s => s.GetRequiredService<SiloDevices>().Prepared);
        services.AddSingleton(s => new RunHosting(
            store.Root, s.GetRequiredService<PreparedRuns>(), TimeSpan.FromSeconds(settings.WakeSeconds), s.GetRequiredService<TimeProvider>())
        {
            Files = store.Files,
        });
    }

    // What placement goes by: the devices, and, of a silo with pinned shards, its name.
    private static Dictionary<string, string> Metadata(SiloSettings settings, IReadOnlyList<TrainingDevice> devices)
    {
        var metadata = new Dictionary<string, string> { [TrainingDevicePlacementFilter.DevicesKey] = string.Join(',', devices.Select(d => d.Kind).Distinct()) };
        if (settings.Shards is not null)
        {
            metadata[PinnedPlacementFilter.NameKey] = settings.Name!;
        }

        return metadata;
    }

    private static void Configure(ISiloBuilder silo, SiloSettings settings, IReadOnlyList<TrainingDevice> devices)
    {
        silo.Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = (settings.Cluster, settings.Cluster));
        silo.Configure<SiloOptions>(o => o.SiloName = settings.ToString());
        silo.ConfigureEndpoints(IPAddress.Parse(settings.Address), settings.Port, settings.GatewayPort, listenOnAnyHostAddress: false);
        silo.Configure<ClusterMembershipOptions>(o => o.ProbeTimeout = TimeSpan.FromSeconds(settings.ProbeSeconds));
        silo.Configure<ReminderOptions>(o => o.MinimumReminderPeriod = TimeSpan.FromSeconds(1));
        silo.UseSiloMetadata(Metadata(settings, devices));
        if (settings.Certificates() is { } certificates)
        {
            silo.UseMutualTls(certificates);
        }

        if (OtlpCollector.IsAsked)
        {
            silo.AddActivityPropagation();
        }

        silo.AddTrainingDevicePlacement();
        silo.AddGrainService<SiloReportService>();
        silo.Services.AddSingleton<SentMessages>();
        silo.Services.AddSingleton<ISiloReports, SiloReports>();
        silo.AddReminders();
        if (settings.ApiUri is not null)
        {
            silo.AddDashboard();
        }

        ClusterState.Add(silo, settings);
    }
}
