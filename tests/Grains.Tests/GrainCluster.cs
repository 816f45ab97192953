using System.Collections.Concurrent;
using System.Globalization;
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
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private readonly InProcessTestCluster _cluster;

    private GrainCluster(InProcessTestCluster cluster, string store, KeptStates states) => (_cluster, Store, States) = (cluster, store, states);

    public string Store { get; }

    public KeptStates States { get; }

    /// <summary>The clients' grains that were asked something, and the silos on which they were.</summary>
    public required ConcurrentQueue<(GrainId Client, SiloAddress Silo)> Asked { get; init; }

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
        var asked = new ConcurrentQueue<(GrainId Client, SiloAddress Silo)>();
        var builder = new InProcessTestClusterBuilder((short)devices.Length);
        builder.ConfigureSilo((options, silo) =>
        {
            // They start side by side, in any order: their names alone say which is which.
            int index = Number(options.SiloName) % devices.Length;
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

            silo.AddIncomingGrainCallFilter(async context =>
            {
                if (context.Grain is ClientGrain)
                {
                    asked.Enqueue((context.TargetId, context.TargetContext.Address.SiloAddress!));
                }

                await context.Invoke();
            });
            silo.UseSiloMetadata(metadata);
            silo.AddTrainingDevicePlacement();
            silo.UseInMemoryReminderService();
            silo.Services.AddKeyedSingleton<Orleans.Storage.IGrainStorage>(RunGrain.StorageName, (s, _) =>
            {
                states.Serializer ??= s.GetRequiredService<Serializer>();
                return states;
            });
            string[] kinds = devices[index].Split(',');
            var prepared = new PreparedRuns(threads: 1, devices: new PretendedDevices(kinds), shards: own);
            silo.Services.AddSingleton(TimeProvider.System);
            silo.Services.AddSingleton(new DeviceQueue(TimeSpan.Zero, TimeProvider.System));
            silo.Services.AddSingleton(s => new HostedRuns(store, prepared, s.GetRequiredService<DeviceQueue>(), TimeProvider.System));
            silo.Services.AddSingleton(s => new DevicePool([.. kinds.Select(kind => new PooledDevice(kind, kind, s.GetRequiredService<HostedRuns>()))]));
            silo.Services.AddSingleton(new RunHosting(store, prepared, Never, TimeProvider.System));
        });
        InProcessTestCluster cluster = builder.Build();
        await cluster.DeployAsync();
        var made = new GrainCluster(cluster, store, states) { Asked = asked };
        await made.MetAsync();
        return made;
    }

    /// <summary>Returns a silo by its place in the lists that the cluster was started with.</summary>
    public InProcessSiloHandle Silo(int number) => _cluster.Silos.Single(s => Number(s.Name) == number);

    /// <summary>Starts one more silo, with the devices that are next in turn.</summary>
    public async Task<InProcessSiloHandle> AddSiloAsync()
    {
        InProcessSiloHandle silo = await _cluster.StartAdditionalSiloAsync();
        await MetAsync();
        return silo;
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

    /// <summary>Waits for a run's end, also where its coordinator moves meanwhile.</summary>
    public Task<RunInfo> EndAsync(string name) => WaitAsync(name, r => r.Phase != "running");

    /// <summary>Waits until a run is as <paramref name="wanted"/> says.</summary>
    public async Task<RunInfo> WaitAsync(string name, Func<RunInfo, bool> wanted)
    {
        RunInfo run = null!;
        try
        {
            await UntilAsync(async () => wanted(run = (await Run(name).GetState())!));
            return run;
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{run}");
        }
    }

    /// <summary>Waits until something holds.</summary>
    public static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await holds())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    // Silos ask each other what they have once they know of each other. A call before that finds no silo for it: the coordinator asks again then, a test would not.
    private Task MetAsync() => UntilAsync(() => Task.FromResult(_cluster.Silos.All(silo => _cluster.Silos.All(other =>
        _cluster.GetSiloServiceProvider(silo.SiloAddress).GetRequiredService<ISiloMetadataCache>().GetSiloMetadata(other.SiloAddress).Metadata
            .ContainsKey(TrainingDevicePlacementFilter.DevicesKey)))));

    private static int Number(string silo) => int.Parse(silo[(silo.LastIndexOf('_') + 1)..], CultureInfo.InvariantCulture);

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        Directory.Delete(Store, recursive: true);
    }
}
