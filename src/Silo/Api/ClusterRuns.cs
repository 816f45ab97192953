using System.Text;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.GrainInterfaces;
using FedLLM.Grains;
using FedLLM.Silo.Blobs;
using FedLLM.Silo.Hosting;
using FedLLM.Silo.Trust;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using RunRefusedException = FedLLM.Dashboard.Feed.RunRefusedException;
using RunState = FedLLM.Dashboard.Feed.RunState;

namespace FedLLM.Silo.Api;

/// <summary>
/// A cluster's runs as the dashboard and the command line see them: files of the store tell their rounds, their coordinators tell where they stand. Coordinators
/// are asked in the background, so that a page never waits for a grain.
/// </summary>
internal sealed partial class ClusterRuns(IGrainFactory grains, ISiloReports reports, SiloSettings settings, RunStore store, TimeProvider clock, ILogger<ClusterRuns> log)
    : BackgroundService, IRunDirectoryHost, IRunStarter
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);

    // A run that has ended may be started again, with more rounds, through any silo; that it was is seen a little later.
    private const int EndedEvery = 20;
    private const int MembersEvery = 4;
    private static readonly TimeSpan ReportWithin = TimeSpan.FromSeconds(2);

    private readonly KnownRuns _known = new();

    /// <inheritdoc/>
    public ClusterView? Cluster { get; private set; }

    /// <inheritdoc/>
    public IRunStarter Starter => this;

    /// <summary>None: a silo's devices train.</summary>
    public ISampler? Sampler => null;

    /// <inheritdoc/>
    public HostedState? StateOf(string directory) => _known.Of(Path.GetFileName(directory)) is { } run
        ? run.Phase switch
        {
            "running" => new HostedState(RunState.Running, run.Reason),
            "paused" => new HostedState(RunState.Paused),
            "cancelled" => new HostedState(RunState.Cancelled),
            "failed" => new HostedState(RunState.Failed, run.Reason),
            "finished" when !RunDirectory.HasBegun(directory, DiskFiles.Instance) => new HostedState(RunState.Failed, "It " + LostDirectory.Describe(run.Adapter, PlaceOf(directory))),
            _ => null,
        }
        : LockHolder.Of(directory) is null ? null : new HostedState(RunState.Running);

    /// <inheritdoc/>
    public IRunControl? ControlOf(string directory) =>
        _known.Of(Path.GetFileName(directory)) is { } run ? new GrainRunControl(grains.GetGrain<IRunGrain>(run.Name), run, _known.Take) : null;

    /// <summary>Of data that is pinned to its silo, counts and losses alone are shown.</summary>
    public RunPermissions PermissionsOf(IReadOnlyDictionary<string, string> settings) => RunPermissions.Of(settings) with { Samples = false };

    /// <inheritdoc/>
    public string PlaceOf(string directory) => Path.Combine(store.Root, Path.GetFileName(directory));

    /// <inheritdoc/>
    public void Fetch(string directory, IReadOnlyList<string> names) => store.Mirror?.Fetch(Path.GetFileName(directory), names);

    /// <inheritdoc/>
    public async Task<string> StartAsync(string experiment, CancellationToken cancellationToken)
    {
        string data = Path.GetFullPath(settings.Data);
        Experiment read;
        try
        {
            read = ExperimentFile.Parse(Encoding.UTF8.GetBytes(experiment), "the experiment", data);
        }
        catch (ExperimentFileException wrong)
        {
            throw new RunRefusedException(wrong.Message, wrong) { IsExperiment = true };
        }

        _known.Take(await AskAsync(() => grains.GetGrain<IRunGrain>(read.Name).StartAsync(new RunSpec(experiment, data, []))).WaitAsync(cancellationToken));
        try
        {
            await Task.Run(
                () =>
                {
                    // The run's directory is known from the moment it was accepted, while its coordinator still reads model and data.
                    RunDirectory.Announce(Path.Combine(store.Root, read.Name), read, store.Files);
                    store.Mirror?.Refresh(read.Name);
                },
                cancellationToken);
        }
        catch (IOException fault)
        {
            throw new HostUnavailableException("The store of the run directories cannot be read or written. Ask again.", fault);
        }

        return read.Name;
    }

    /// <summary>Asks a grain, and tells a refusal from a cluster that cannot answer now.</summary>
    internal static async Task<RunInfo> AskAsync(Func<Task<RunInfo>> ask)
    {
        try
        {
            return await ask();
        }
        catch (GrainInterfaces.RunRefusedException refusal)
        {
            throw new RunRefusedException(refusal.Message, refusal);
        }
        catch (Exception e) when (e is TimeoutException or SiloUnavailableException or OrleansMessageRejectionException or OrleansException)
        {
            throw new HostUnavailableException("The run's coordinator does not answer. Ask again.", e);
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, clock);
        for (int tick = 0; await WaitAsync(timer, stoppingToken); tick++)
        {
            try
            {
                if (tick % MembersEvery == 0)
                {
                    Cluster = await LookAtMembersAsync();
                }

                string[] names = await grains.GetGrain<IRunIndexGrain>(0).ListAsync();
                await Task.WhenAll(names.Where(n => tick % EndedEvery == 0 || !HasEnded(n)).Select(LookAtAsync));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                LogSilence(log, e.Message);
            }
        }
    }

    private static async Task<bool> WaitAsync(PeriodicTimer timer, CancellationToken stopping)
    {
        try
        {
            return await timer.WaitForNextTickAsync(stopping);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private bool HasEnded(string name) => _known.Of(name)?.Phase is "finished" or "cancelled";

    private async Task LookAtAsync(string name)
    {
        long asked = _known.Ask();
        if (await grains.GetGrain<IRunGrain>(name).GetState() is { } run)
        {
            // That a run is finished is told when its files are here; what else it says, whether they can be had or not.
            bool complete = await TryMirrorAsync(name);
            if (complete || run.Phase != "finished")
            {
                _known.Take(run, asked);
            }
        }
    }

    private async Task<bool> TryMirrorAsync(string name)
    {
        try
        {
            await Task.Run(() => store.Mirror?.Refresh(name));
            return true;
        }
        catch (IOException fault)
        {
            LogSilence(log, fault.Message);
            return false;
        }
    }

    private async Task<ClusterView> LookAtMembersAsync()
    {
        IManagementGrain management = grains.GetGrain<IManagementGrain>(0);
        MembershipEntry[] members = await management.GetDetailedHosts(onlyActive: false);
        SimpleGrainStatistic[] activations = await management.GetSimpleGrainStatistics();
        Dictionary<SiloAddress, SiloReport> reported = (await Task.WhenAll(members.Where(m => m.Status == SiloStatus.Active).Select(m => ReportAsync(m.SiloAddress))))
            .OfType<(SiloAddress Silo, SiloReport Report)>().ToDictionary(r => r.Silo, r => r.Report);
        return new ClusterView
        {
            Name = settings.Cluster,
            GrainsPath = DashboardApplication.GrainsPath,
            Warning = settings.Insecure ? InsecureWarning.Text : null,
            Silos = [.. members.OrderBy(m => m.SiloName, StringComparer.Ordinal).ThenBy(m => m.SiloAddress.Generation).Select(m => SiloRows.Of(m, reported.GetValueOrDefault(m.SiloAddress), activations))],
        };
    }

    // One that hangs says nothing; the others are shown all the same.
    private async Task<(SiloAddress, SiloReport)?> ReportAsync(SiloAddress silo)
    {
        try
        {
            return (silo, await reports.OfAsync(silo).WaitAsync(ReportWithin, clock));
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The runs' coordinators or their store do not answer: {Reason}")]
    private static partial void LogSilence(ILogger log, string reason);
}
