using System.Globalization;
using System.Net;
using FedLLM.GrainInterfaces;
using FedLLM.Silo.Trust;
using FedLLM.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace FedLLM.Silo.Tests.Clusters;

/// <summary>Silos of one cluster in a folder of their own, and a client of theirs.</summary>
internal sealed class Cluster : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly List<SiloProcess> _silos = [];
    private readonly Dictionary<int, string[]> _own = [];
    private readonly string[] _settings;
    private IHost? _client;

    public Cluster(params string[] settings)
    {
        _settings = settings;
        Folder = Directory.CreateTempSubdirectory("fedllm-cluster-").FullName;
    }

    /// <summary>Where the run directories are.</summary>
    public string Folder { get; }

    public IReadOnlyList<SiloProcess> Silos => _silos;

    /// <summary>Variables that silos find in their environment.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <summary>What the client shows to gateways; null for a cluster without TLS.</summary>
    public ClusterCertificates? Certificates { get; set; }

    /// <summary>Starts silos, side by side.</summary>
    public Task<SiloProcess[]> StartAsync(int count, params string[] settings) => StartAsync(Enumerable.Repeat(settings, count));

    /// <summary>Starts a silo with each of the settings, side by side.</summary>
    public async Task<SiloProcess[]> StartAsync(IEnumerable<string[]> each)
    {
        string[][] settings = [.. each];
        (int Silo, int Gateway)[] ports = [.. Ports.Free(2 * settings.Length).Chunk(2).Select(p => (p[0], p[1]))];
        foreach ((int i, (int silo, _)) in ports.Index())
        {
            _own[silo] = settings[i];
        }

        SiloProcess[] started = await Task.WhenAll(ports.Select((p, i) => StartOnAsync(p.Silo, p.Gateway, settings[i])));
        _silos.AddRange(started);
        return started;
    }

    /// <summary>Starts a silo that is not expected to get in.</summary>
    public SiloProcess Begin(params string[] settings)
    {
        int[] ports = Ports.Free(2);
        return SiloProcess.Begin(ports[0], ports[1], Arguments(ports[0], ports[1], settings));
    }

    /// <summary>Starts a silo again where one was.</summary>
    public async Task<SiloProcess> RestartAsync(SiloProcess silo)
    {
        _silos.Remove(silo);
        await silo.DisposeAsync();
        SiloProcess again = await StartOnAsync(silo.Port, silo.Gateway, _own[silo.Port]);
        lock (_silos)
        {
            _silos.Add(again);
        }

        return again;
    }

    /// <summary>Starts the demo's experiment under a name, cut short by overrides.</summary>
    public async Task<RunInfo> RunAsync(string name, params string[] overrides) =>
        await CallAsync(async grains => (RunInfo?)await grains.GetGrain<IRunGrain>(name).StartAsync(
            new RunSpec(await File.ReadAllTextAsync(DemoExperiment.File), DemoExperiment.Folder, [.. overrides])))
        ?? throw new InvalidOperationException("A run that was started says nothing.");

    /// <summary>Waits until a run is as <paramref name="wanted"/> says; asks again where silos die meanwhile.</summary>
    public async Task<RunInfo> WaitAsync(string name, Func<RunInfo, bool> wanted)
    {
        using var patience = new CancellationTokenSource(Patience);
        RunInfo? last = null;
        try
        {
            while (true)
            {
                last = await CallAsync(grains => grains.GetGrain<IRunGrain>(name).GetState()) ?? last;
                if (last is not null && wanted(last))
                {
                    return last;
                }

                await Task.Delay(Look, patience.Token);
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{last} {string.Join("\n", _silos.Select(s => s.Said))}");
        }
    }

    /// <summary>Waits until something holds.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!holds())
        {
            await Task.Delay(Look, patience.Token);
        }
    }

    /// <summary>Waits until something holds that must be asked for.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            await Task.Delay(Look, patience.Token);
        }
    }

    /// <summary>Waits until a run is finished and returns its final adapter's hash.</summary>
    public async Task<string> FinishAsync(string name) =>
        (await WaitAsync(name, r => r.Phase is "failed" or "cancelled" ? throw new InvalidOperationException($"{r.Phase}: {r.Reason}") : r.Phase == "finished")).Adapter;

    /// <summary>Calls a grain, by another gateway where the first is gone, until it answers.</summary>
    public async Task<T> CallAsync<T>(Func<IGrainFactory, Task<T>> call)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                return await call((await ClientAsync(patience.Token)).GrainFactory());
            }
            catch (Exception e) when (e is not RunRefusedException and not OperationCanceledException && !patience.IsCancellationRequested)
            {
                await ForgetClientAsync();
                await Task.Delay(Look, patience.Token);
            }
        }
    }

    /// <summary>The silo on which a run's coordinator lives.</summary>
    public SiloProcess HostOf(RunInfo run) =>
        _silos.Single(s => run.Silo.Contains(string.Create(CultureInfo.InvariantCulture, $":{s.Port}@"), StringComparison.Ordinal));

    public async ValueTask DisposeAsync()
    {
        await ForgetClientAsync();
        foreach (SiloProcess silo in _silos)
        {
            await silo.DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>Connects a client that shows some certificate, or none.</summary>
    /// <exception cref="Exception">The gateways refuse it.</exception>
    public async Task<IHost> ConnectAsync(ClusterCertificates? certificates, CancellationToken cancellationToken)
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.UseOrleansClient(client =>
        {
            client.UseStaticClustering([.. _silos.Where(s => !s.HasEnded).Select(s => new IPEndPoint(IPAddress.Loopback, s.Gateway))])
                .Configure<ClusterOptions>(o => (o.ClusterId, o.ServiceId) = ("fedllm", "fedllm"))

                // A call to a silo that dies is not told of its death; it waits so long, then it is made again.
                .Configure<ClientMessagingOptions>(o => o.ResponseTimeout = TimeSpan.FromSeconds(3));
            if (certificates is not null)
            {
                client.UseMutualTls(certificates);
            }
        });
        IHost host = builder.Build();
        try
        {
            await host.StartAsync(cancellationToken);
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    private Task<SiloProcess> StartOnAsync(int port, int gateway, string[] settings) =>
        SiloProcess.StartAsync(port, gateway, Arguments(port, gateway, settings), Environment);

    private string[] Arguments(int port, int gateway, string[] settings) =>
    [
        "--port", port.ToString(CultureInfo.InvariantCulture), "--gateway-port", gateway.ToString(CultureInfo.InvariantCulture), "--store", Folder, "--threads", "1",
        "--wake-seconds", "1", "--probe-seconds", "1", .. _settings, .. settings,
    ];

    private async Task<IHost> ClientAsync(CancellationToken cancellationToken) => _client ??= await ConnectAsync(Certificates, cancellationToken);

    private async Task ForgetClientAsync()
    {
        if (_client is { } client)
        {
            _client = null;
            using var atOnce = new CancellationTokenSource(TimeSpan.Zero);
            await client.StopAsync(atOnce.Token);
            client.Dispose();
        }
    }
}

internal static class Clients
{
    public static IGrainFactory GrainFactory(this IHost host) => host.Services.GetRequiredService<IGrainFactory>();
}
