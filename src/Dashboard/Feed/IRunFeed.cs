namespace FedLLM.Dashboard.Feed;

/// <summary>
/// Everything the dashboard knows of runs. Run directories implement it, and a cluster can; nothing here reaches into a run loop. Any thread may ask; what is
/// answered never changes afterwards.
/// </summary>
public interface IRunFeed
{
    /// <summary>Grows with every change of any run while the process lives.</summary>
    long Version { get; }

    /// <summary>Where runs are looked for, in words, for the page that has none to show.</summary>
    string Source { get; }

    /// <summary>Returns the runs as they are, by id.</summary>
    IReadOnlyList<RunView> Runs();

    /// <summary>Returns a run as it is, or null.</summary>
    RunView? Find(string id);

    /// <summary>Waits until <see cref="Version"/> exceeds <paramref name="version"/> and returns it.</summary>
    Task<long> WaitAsync(long version, CancellationToken cancellationToken);

    /// <summary>Opens the files of an adapter, or returns null where they are gone.</summary>
    /// <param name="id">The run.</param>
    /// <param name="hash">The adapter's SHA-256, 64 lower-case hexadecimal digits: those bytes or none; null for the newest.</param>
    AdapterFiles? OpenAdapter(string id, string? hash);

    /// <summary>Opens the lines of a run's <c>rounds.jsonl</c> as they are stored, or returns null where it has none yet.</summary>
    Stream? OpenRounds(string id);

    /// <summary>Returns what can stop and continue a run from here, or null where the host cannot.</summary>
    IRunControl? ControlOf(string id);

    /// <summary>What begins runs, or null where the host only shows them.</summary>
    IRunStarter? Starter { get; }

    /// <summary>Returns what answers prompts with a run's models, or null where the host cannot.</summary>
    ISampler? SamplerOf(string id);

    /// <summary>
    /// Returns the cluster on which the runs run, or null where there is none. Every page asks, so an answer is at hand; a change grows <see cref="Version"/>.
    /// </summary>
    ClusterView? Cluster() => null;
}

/// <summary>The files of one adapter in PEFT's layout, opened for reading.</summary>
/// <param name="Config">The text of <c>adapter_config.json</c>.</param>
/// <param name="Weights">The content of <c>adapter_model.safetensors</c>.</param>
public sealed record AdapterFiles(byte[] Config, Stream Weights) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Weights.Dispose();
}

/// <summary>Stops and continues a run. Each call is harmless where it changes nothing.</summary>
public interface IRunControl
{
    /// <summary>Whether the run waits, or will wait after its current round.</summary>
    bool Paused { get; }

    /// <summary>Whether the run was told to end.</summary>
    bool Cancelled { get; }

    /// <summary>Makes the run wait.</summary>
    /// <exception cref="RunRefusedException">It cannot be paused as it stands.</exception>
    Task PauseAsync(CancellationToken cancellationToken);

    /// <summary>Lets a paused run go on, and, where the host can, one that failed.</summary>
    /// <exception cref="RunRefusedException">It cannot go on as it stands.</exception>
    Task ResumeAsync(CancellationToken cancellationToken);

    /// <summary>Ends the run before its last round. What is committed stays.</summary>
    /// <exception cref="RunRefusedException">It cannot be cancelled as it stands.</exception>
    Task CancelAsync(CancellationToken cancellationToken);
}

/// <summary>Begins runs.</summary>
public interface IRunStarter
{
    /// <summary>
    /// Begins the run of an experiment, or lets it go on where it stopped; harmless where it is running or finished. Relative paths are those of the host's data.
    /// </summary>
    /// <param name="experiment">The experiment file, YAML.</param>
    /// <param name="cancellationToken">Gives up asking; the run may have begun.</param>
    /// <returns>The run's id.</returns>
    /// <exception cref="RunRefusedException">The experiment cannot be used, or another one has its name.</exception>
    Task<string> StartAsync(string experiment, CancellationToken cancellationToken);
}

/// <summary>The host cannot answer now; asking again, or another host of the same runs, may help. The message is for whoever asked.</summary>
public sealed class HostUnavailableException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>What was asked of a run cannot be; the message says why, for whoever asked.</summary>
public sealed class RunRefusedException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the experiment itself cannot be used, rather than the run as it stands.</summary>
    public bool IsExperiment { get; init; }
}

/// <summary>Answers prompts with the base model and adapters of a run, one request at a time.</summary>
public interface ISampler
{
    /// <summary>Answers one prompt with the base model and with each adapter of <paramref name="adapters"/>.</summary>
    /// <param name="run">The run.</param>
    /// <param name="prompt">The instruction, put into the run's template.</param>
    /// <param name="adapters">Adapters, which stay the caller's; null stands for the base model without one.</param>
    /// <param name="maxNewTokens">Most tokens of an answer.</param>
    /// <param name="cancellationToken">Ends the work between answers.</param>
    /// <exception cref="SamplingException">The prompt cannot be answered; the message says why.</exception>
    Task<IReadOnlyList<string>> AnswerAsync(
        RunView run, string prompt, IReadOnlyList<AdapterFiles?> adapters, int maxNewTokens, CancellationToken cancellationToken);
}

/// <summary>A prompt cannot be answered; the message is for the reader of the page.</summary>
public sealed class SamplingException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether it is worth asking again: the host is answering another prompt.</summary>
    public bool IsBusy { get; init; }
}
