using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using LockHolder = FedLLM.Experiments.RunDirectories.LockHolder;

namespace FedLLM.Cli.Dashboards;

/// <summary>What this machine knows of run directories: who works on them, and, for the run of this very process, how to stop it.</summary>
internal sealed class LocalRunHost : IRunDirectoryHost, IDisposable
{
    private readonly RunControl? _control;
    private readonly string? _directory;
    private readonly EngineSampler _sampler;

    /// <summary>Without a run of its own.</summary>
    /// <param name="device">Where prompts are answered.</param>
    /// <param name="tokenizers">Loads models' tokenizers.</param>
    public LocalRunHost(LearnerDevice device, TokenizerLoader tokenizers) => _sampler = new EngineSampler(null, device, tokenizers);

    /// <summary>With a run of this process.</summary>
    /// <param name="control">Stops it.</param>
    /// <param name="directory">Its directory, or the folder that holds the directories of its runs.</param>
    /// <param name="prepared">Its model, which answers prompts too.</param>
    /// <param name="tokenizers">Loads other models' tokenizers.</param>
    public LocalRunHost(RunControl control, string directory, PreparedExperiment prepared, TokenizerLoader tokenizers)
    {
        _control = control;
        _directory = Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory));
        _sampler = new EngineSampler(prepared, prepared.Device, tokenizers);
    }

    /// <inheritdoc/>
    public ISampler Sampler => _sampler;

    /// <summary>Nothing is begun from a browser: the command that shows runs does not train.</summary>
    public IRunStarter? Starter => null;

    /// <inheritdoc/>
    public HostedState? StateOf(string directory) => LockHolder.Of(directory) is null ? null
        : new HostedState(ControlOf(directory) is not { Paused: true } ? RunState.Running : _control!.Waits ? RunState.Paused : RunState.Pausing);

    /// <inheritdoc/>
    public IRunControl? ControlOf(string directory) =>
        directory == _directory || Path.GetDirectoryName(directory) == _directory ? _control : null;

    /// <summary>Everything may be shown, but of runs whose data is pinned to its owners: who runs an experiment in one process holds its data.</summary>
    public RunPermissions PermissionsOf(IReadOnlyDictionary<string, string> settings) => RunPermissions.Of(settings);

    /// <inheritdoc/>
    public void Dispose() => _sampler.Dispose();
}
