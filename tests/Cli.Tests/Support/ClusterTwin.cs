using FedLLM.Cli.Dashboards;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Cli.Tests.Support;

/// <summary>
/// What a cluster is to the command line, in this process: the HTTP API of a silo over runs that train here. Relative paths of experiments are those of
/// <paramref name="data"/>, run directories lie below <paramref name="store"/>.
/// </summary>
internal sealed class ClusterTwin(string data, string store) : IRunDirectoryHost, IRunStarter, IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, (RunControl Control, Task Work)> _runs = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _ending = new();
    private readonly List<string> _warnings = [];
    private DashboardServer? _server;

    /// <summary>The experiment files whose runs have begun, as they came.</summary>
    public List<string> Sent { get; } = [];

    /// <summary>Least time between two looks at the runs.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.Zero;

    /// <summary>Whether runs begin paused.</summary>
    public bool Hold { get; init; }

    public string Address => _server!.Address;

    public IRunStarter Starter => this;

    public ISampler? Sampler => null;

    /// <summary>Starts to listen on a free port of this machine.</summary>
    public async Task<ClusterTwin> Listen(string? token = null)
    {
        Directory.CreateDirectory(store);
        var feed = new RunDirectoryFeed([store], this, TimeProvider.System) { Interval = Interval };
        _server = await DashboardServer.StartAsync(feed, "http://127.0.0.1:0", token, TimeProvider.System, _warnings.Add);
        return this;
    }

    public Task<string> StartAsync(string experiment, CancellationToken cancellationToken)
    {
        PreparedExperiment prepared;
        try
        {
            prepared = PreparedExperiment.Prepare(ExperimentFile.Parse(System.Text.Encoding.UTF8.GetBytes(experiment), "the experiment", data));
        }
        catch (Exception e) when (e is ExperimentFileException or InputFileException or IOException)
        {
            throw new RunRefusedException(e.Message, e) { IsExperiment = true };
        }

        string name = prepared.Experiment.Name;
        string directory = Path.Combine(store, name);
        lock (_gate)
        {
            if (!_runs.ContainsKey(directory))
            {
                // A feed knows a run by its directory, which is there before the answer.
                Directory.CreateDirectory(directory);
                File.WriteAllText(Path.Combine(directory, "experiment.yaml"), ResolvedYaml.Write(prepared.Experiment));
                var control = new RunControl(_ending.Token);
                Task work = (Hold ? control.PauseAsync(CancellationToken.None) : Task.CompletedTask).ContinueWith(
                    _ => new ExperimentRunner(prepared, TimeProvider.System).RunAsync(directory, [control], control.Token), TaskScheduler.Default).Unwrap();
                _runs.Add(directory, (control, work));
            }
        }

        Sent.Add(experiment);
        return Task.FromResult(name);
    }

    public HostedState? StateOf(string directory)
    {
        lock (_gate)
        {
            return !_runs.TryGetValue(directory, out (RunControl Control, Task Work) run) ? null
                : run.Work.IsFaulted ? new HostedState(RunState.Failed, run.Work.Exception!.InnerException!.Message)
                : run.Work.IsCanceled ? new HostedState(RunState.Cancelled)
                : run.Work.IsCompleted ? null
                : new HostedState(run.Control.Paused ? RunState.Paused : RunState.Running);
        }
    }

    public IRunControl? ControlOf(string directory)
    {
        lock (_gate)
        {
            return _runs.TryGetValue(directory, out (RunControl Control, Task Work) run) ? run.Control : null;
        }
    }

    public RunPermissions PermissionsOf(IReadOnlyDictionary<string, string> settings) => new(Samples: false, Labels: true);

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        foreach ((RunControl control, Task work) in _runs.Values)
        {
            await Task.WhenAny(work);
            control.Dispose();
        }

        await _server!.DisposeAsync();
        _ending.Dispose();
        Assert.Empty(_warnings);
    }
}
