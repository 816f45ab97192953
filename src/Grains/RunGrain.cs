using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.RunDirectories;
using FedLLM.GrainInterfaces;
using Orleans.Runtime.MembershipService.SiloMetadata;

namespace FedLLM.Grains;

/// <summary>
/// A run's coordinator. It delegates to <see cref="Coordinator"/>, which drives the rounds on threads of its own; a reminder wakes it on another silo after a crash. It
/// wakes on any silo, and moves to one with the kind of device that its run computes on before it drives a round.
/// </summary>
[CoordinatorPlacementFilter]
public sealed class RunGrain : Grain, IRunGrain, IRemindable, IGrainMigrationParticipant
{
    /// <summary>The name of the grain storage that holds runs.</summary>
    public const string StorageName = "runs";

    private const string Wake = "wake";

    private readonly IPersistentState<RunState> _stored;
    private readonly RunHosting _hosting;
    private readonly ILocalSiloDetails _silo;
    private readonly ISiloMetadataCache _silos;
    private readonly ISiloStatusOracle _members;
    private StoredRun? _run;
    private Coordinator? _coordinator;
    private Experiment? _experiment;
    private bool _moved;

    /// <summary>Makes the grain.</summary>
    /// <param name="stored">What is stored of the run.</param>
    /// <param name="hosting">Where and with what it runs on this silo.</param>
    /// <param name="silo">The silo.</param>
    /// <param name="silos">What silos say of themselves.</param>
    /// <param name="members">The cluster's members.</param>
    public RunGrain(
        [PersistentState("run", StorageName)] IPersistentState<RunState> stored, RunHosting hosting, ILocalSiloDetails silo, ISiloMetadataCache silos, ISiloStatusOracle members) =>
        (_stored, _hosting, _silo, _silos, _members) = (stored, hosting, silo, silos, members);

    private string Name => this.GetPrimaryKeyString();

    private RunFolder Folder => new(_hosting.Files, _hosting.Store, Name);

    /// <inheritdoc/>
    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        // Unique in this cluster's history: a silo's address names its generation, an activation its number.
        string driver = $"{_silo.SiloAddress.ToParsableString()}/{GrainContext.ActivationId}";
        _run = new StoredRun(_stored, driver, TaskScheduler.Current);
        if (_run.State.Spec is { } spec)
        {
            Take(spec);
        }

        if (_moved)
        {
            // It was driven where it comes from, or was to be driven here: as if its reminder fell due.
            this.RegisterGrainTimer(() => ReceiveReminder(Wake, default), new GrainTimerCreationOptions(TimeSpan.Zero, Timeout.InfiniteTimeSpan));
        }

        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public void OnDehydrate(IDehydrationContext dehydrationContext)
    {
        // Storage holds what it knows.
    }

    /// <inheritdoc/>
    public void OnRehydrate(IRehydrationContext rehydrationContext) => _moved = true;

    /// <inheritdoc/>
    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        if (_coordinator is { } coordinator)
        {
            await coordinator.DisposeAsync().AsTask().WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async Task<RunInfo> StartAsync(RunSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        Experiment experiment = RunSpecs.Read(Name, spec);
        if (_experiment is { } known)
        {
            RunSpecs.RequireSame(Name, known, experiment);
            if (_coordinator?.Status?.Phase == RunPhase.Finished && await IsGoneAsync())
            {
                // With its experiment there, the run is shown for what it is, and can be resumed.
                (IRunFiles files, string path) = (_hosting.Files, Folder.Path);
                await Task.Run(() => RunDirectory.Announce(path, experiment, files));
                throw new RunRefusedException($"The run {Name} {LostDirectory.Describe(_run!.State.Adapter, path)}");
            }
        }

        await GrainFactory.GetGrain<IRunIndexGrain>(0).AddAsync(Name);
        await GoOnAsync(s => s.Spec is null ? s with { Spec = spec } : s);
        return Info();
    }

    /// <inheritdoc/>
    public async Task<RunInfo> PauseAsync()
    {
        await OrRefuseAsync(() => Known().PauseAsync());
        return Info();
    }

    /// <inheritdoc/>
    public async Task<RunInfo> ResumeAsync()
    {
        bool ended = Known().Status?.Phase is RunPhase.Finished or RunPhase.Failed && _run!.State.Round >= 1;
        if (ended && await IsGoneAsync())
        {
            // Nothing is left of it but what was started: that begins again.
            await _coordinator!.DisposeAsync();
            await ClaimAsync(s => s with { Phase = "", Reason = null, Round = -1, Adapter = "" });
            Take(_run!.State.Spec!);
        }

        await GoOnAsync(null);
        return Info();
    }

    /// <inheritdoc/>
    public async Task<RunInfo> CancelAsync()
    {
        await OrRefuseAsync(() => Known().CancelAsync());
        return Info();
    }

    /// <inheritdoc/>
    public Task<RunInfo?> GetState() => Task.FromResult(_coordinator is null ? null : Info());

    /// <inheritdoc/>
    public IAsyncEnumerable<string> RoundsAsync(int from, CancellationToken cancellationToken = default)
    {
        Known();
        return Folder.RoundsAsync(from, cancellationToken);
    }

    /// <inheritdoc/>
    public IAsyncEnumerable<RunEventMessage> EventsAsync(long after, CancellationToken cancellationToken = default) =>
        Known().EventsAsync(after, cancellationToken).Select(RunEventMessages.Of);

    /// <inheritdoc/>
    public IAsyncEnumerable<byte[]> AdapterAsync(string file, CancellationToken cancellationToken = default)
    {
        Known();
        return Folder.AdapterAsync(file, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task ReceiveReminder(string reminderName, TickStatus status)
    {
        if (_coordinator?.Status is { Phase: RunPhase.Running })
        {
            if (!_coordinator.IsGoing)
            {
                await ClaimAsync(null);
                await _coordinator.WakeAsync();
            }
        }
        else if (await this.GetReminder(Wake) is { } reminder)
        {
            await this.UnregisterReminder(reminder);
        }
    }

    private async Task GoOnAsync(Func<RunState, RunState>? change)
    {
        await ClaimAsync(change);

        // First the reminder: whatever happens from here on, the run is found again.
        await this.RegisterOrUpdateReminder(Wake, _hosting.WakePeriod, _hosting.WakePeriod);
        await OrRefuseAsync(() => _coordinator!.StartAsync());
    }

    // Where somebody else changed the state meanwhile, what this activation knows of the run is out of date.
    private async Task ClaimAsync(Func<RunState, RunState>? change)
    {
        bool known = await _run!.ClaimAsync(change);
        if (_coordinator is null || !known)
        {
            Take(_run.State.Spec!);
        }
    }

    private void Take(RunSpec spec)
    {
        _experiment = RunSpecs.Read(Name, spec);

        // The work runs on other threads, where nothing of the grain can be asked.
        (IGrainFactory grains, string run, string device) = (GrainFactory, Name, RunSpecs.DeviceOf(_experiment));
        var rounds = new PreparedRunWork(
            _experiment, _hosting.Prepared, Folder.Path, pinned => new GrainLine(grains, device, run, pinned), _run!, _hosting.Clock)
        {
            Files = _hosting.Files,
            Silos = new GrainShardSilos(grains, _silos, run, spec),
        };
        TaskScheduler turns = TaskScheduler.Current;
        var work = new PlacedRunWork(
            rounds, new DevicePlace(device, _silos, _members, () => Task.Factory.StartNew(() => MoveTo(device), CancellationToken.None, TaskCreationOptions.None, turns)), _hosting.Clock);
        RunState state = _run!.State;
        PhaseRecord? phase = Enum.TryParse(state.Phase, out RunPhase known) ? new PhaseRecord(known, state.Reason) : null;
        _coordinator = new Coordinator(work, _run, phase, _hosting.Clock);
    }

    private void MoveTo(string device)
    {
        // Nothing else of the call that led here is to count where it is placed.
        RequestContext.Clear();
        RequestContext.Set(CoordinatorPlacementFilter.DeviceKey, device);
        MigrateOnIdle();
    }

    private async Task<bool> IsGoneAsync()
    {
        (IRunFiles files, string path) = (_hosting.Files, Folder.Path);
        return !await Task.Run(() => RunDirectory.HasBegun(path, files));
    }

    private Coordinator Known() => _coordinator ?? throw new RunRefusedException($"There is no run {Name}.");

    private RunInfo Info() => RunInfos.Of(Name, _experiment!, _run!.State, _coordinator!.Status, _silo.SiloAddress.ToParsableString());

    private async Task OrRefuseAsync(Func<Task> change)
    {
        try
        {
            await change();
        }
        catch (InvalidOperationException refusal)
        {
            throw new RunRefusedException(refusal.Message);
        }
        catch (SupersededException)
        {
            DeactivateOnIdle();
            throw new RunRefusedException("Another coordinator has taken the run over. Ask again.");
        }
    }
}
