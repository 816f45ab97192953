using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.RunDirectories;

namespace FedLLM.Dashboard.Tests.Support;

/// <summary>A host whose knowledge a test sets.</summary>
internal sealed class FakeHost : IRunDirectoryHost
{
    public bool Working { get; set; }

    public FakeControl? Control { get; set; }

    public ISampler? Sampler { get; set; }

    public RunPermissions Permissions { get; set; } = new(Samples: true, Labels: true);

    public IRunStarter? Starter { get; set; }

    /// <summary>Instead of what follows from <see cref="Working"/>, or null.</summary>
    public HostedState? State { get; set; }

    public ClusterView? Cluster { get; set; }

    public HostedState? StateOf(string directory) =>
        State ?? (Working ? new HostedState(Control is { Paused: true } ? RunState.Paused : RunState.Running) : null);

    public IRunControl? ControlOf(string directory) => Control;

    public RunPermissions PermissionsOf(IReadOnlyDictionary<string, string> settings) => Permissions;

    /// <summary>A feed over <paramref name="folders"/> that looks at the files each time it is asked.</summary>
    public RunDirectoryFeed Feed(params string[] folders) => new(folders, this, TimeProvider.System) { Interval = TimeSpan.Zero };
}

/// <summary>Remembers what it was told.</summary>
internal sealed class FakeControl : IRunControl
{
    public bool Paused { get; private set; }

    public bool Cancelled { get; private set; }

    /// <summary>Why everything is refused, or null.</summary>
    public string? Refusal { get; set; }

    public Task PauseAsync(CancellationToken cancellationToken) => Take(() => Paused = true);

    public Task ResumeAsync(CancellationToken cancellationToken) => Take(() => Paused = false);

    public Task CancelAsync(CancellationToken cancellationToken) => Take(() => Cancelled = true);

    private Task Take(Action action)
    {
        if (Refusal is not null)
        {
            throw new RunRefusedException(Refusal);
        }

        action();
        return Task.CompletedTask;
    }
}

/// <summary>Answers with what it was asked.</summary>
internal sealed class EchoSampler : ISampler
{
    public async Task<IReadOnlyList<string>> AnswerAsync(
        RunView run, string prompt, IReadOnlyList<AdapterFiles?> adapters, int maxNewTokens, CancellationToken cancellationToken)
    {
        var answers = new List<string>();
        foreach (AdapterFiles? adapter in adapters)
        {
            var weights = new MemoryStream();
            await (adapter?.Weights.CopyToAsync(weights, cancellationToken) ?? Task.CompletedTask);
            answers.Add($"{prompt} by {(adapter is null ? "base" : string.Join(',', weights.ToArray()))}");
        }

        return answers;
    }
}
