using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;
using FedLLM.TestSupport;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime.MembershipService.SiloMetadata;
using Orleans.Serialization;
using Orleans.TestingHost;

namespace FedLLM.Grains.Tests;

/// <summary>
/// Silos in this process on a store of their own. Reminders are registered and never fall due by themselves: a test ticks them, so that no test waits for a clock.
/// </summary>
internal sealed class GrainCluster : IAsyncDisposable
{
    private static readonly TimeSpan Never = TimeSpan.FromDays(30);
    private readonly InProcessTestCluster _cluster;

    private GrainCluster(InProcessTestCluster cluster, string store, KeptStates states) => (_cluster, Store, States) = (cluster, store, states);

    public string Store { get; }

    public KeptStates States { get; }

    public IGrainFactory Grains => _cluster.Client;

    public InProcessTestCluster Silos => _cluster;

    /// <summary>Starts silos, one for each list of devices.</summary>
    public static Task<GrainCluster> StartAsync(params string[] devices) => StartAsync(devices, [], null);

    /// <summary>Starts silos, one for each folder of pinned shards, with CPUs and a filter of the calls that they make.</summary>
    public static Task<GrainCluster> StartAsync(ShardFolder[] shards, IOutgoingGrainCallFilter calls) => StartAsync([.. shards.Select(_ => "cpu")], shards, calls);

    private static async Task<GrainCluster> StartAsync(string[] devices, ShardFolder[] shards, IOutgoingGrainCallFilter? calls)
    {
        string store = Directory.CreateTempSubdirectory("fedllm-grains-").FullName;
        var states = new KeptStates();
        var builder = new InProcessTestClusterBuilder((short)devices.Length);
        int next = -1;
        builder.ConfigureSilo((_, silo) =>
        {
            int index = Interlocked.Increment(ref next) % devices.Length;
            var metadata = new Dictionary<string, string> { [TrainingDevicePlacementFilter.DevicesKey] = devices[index] };
            ShardFolder own = ShardFolder.None;
            if (shards.Length > 0)
            {
                own = shards[index];
                metadata[PinnedPlacementFilter.NameKey] = own.Silo;
            }

            if (calls is not null)
            {
                silo.AddOutgoingGrainCallFilter(calls);
            }

            silo.UseSiloMetadata(metadata);
            silo.AddTrainingDevicePlacement();
            silo.UseInMemoryReminderService();
            silo.Services.AddKeyedSingleton<Orleans.Storage.IGrainStorage>(RunGrain.StorageName, (s, _) =>
            {
                states.Serializer ??= s.GetRequiredService<Serializer>();
                return states;
            });
            var prepared = new PreparedRuns(threads: 1, shards: own);
            silo.Services.AddSingleton(TimeProvider.System);
            silo.Services.AddSingleton(new DeviceQueue(TimeSpan.Zero, TimeProvider.System));
            silo.Services.AddSingleton(s => new HostedRuns(store, prepared, s.GetRequiredService<DeviceQueue>(), TimeProvider.System));
            silo.Services.AddSingleton(s => new DevicePool([new PooledDevice("cpu", "cpu", s.GetRequiredService<HostedRuns>())]));
            silo.Services.AddSingleton(new RunHosting(store, prepared, Never, TimeProvider.System));
        });
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        return new GrainCluster(cluster, store, states);
    }

    public IRunGrain Run(string name) => Grains.GetGrain<IRunGrain>(name);

    /// <summary>Returns what starts the demo's experiment, cut short by overrides.</summary>
    public static RunSpec Spec(params string[] overrides) =>
        new(File.ReadAllText(DemoExperiment.File), DemoExperiment.Folder, ["federation.rounds=2", "evaluation.every=1", .. overrides]);

    /// <summary>Lets the reminder of a run fall due.</summary>
    public Task TickAsync(string name) => Run(name).AsReference<IRemindable>().ReceiveReminder("wake", default);

    /// <summary>Returns the reminders of a run.</summary>
    public async Task<IReadOnlyList<string>> RemindersAsync(string name)
    {
        IReminderTable table = _cluster.GetSiloServiceProvider().GetRequiredService<IReminderTable>();
        return [.. (await table.ReadRows(Run(name).GetGrainId())).Reminders.Select(r => r.ReminderName)];
    }

    /// <summary>Waits for a run's end, round by round.</summary>
    public async Task<RunInfo> EndAsync(string name)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(2));
        await foreach (RunEventMessage happened in Run(name).EventsAsync(0, patience.Token))
        {
            if (happened.Kind == "phase" && !happened.Json.Contains("running", StringComparison.Ordinal))
            {
                break;
            }
        }

        return (await Run(name).GetState())!;
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(Store, recursive: true);
    }
}
