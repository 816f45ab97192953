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

    public bool IsWorkedOn(string directory) => Working;

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

    public void Pause() => Paused = true;

    public void Resume() => Paused = false;

    public void Cancel() => Cancelled = true;
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
