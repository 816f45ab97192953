using Orleans.Concurrency;

namespace FedLLM.GrainInterfaces;

/// <summary>A run's coordinator. Key: the run's name.</summary>
[Alias("fedllm.IRunGrain")]
public interface IRunGrain : IGrainWithStringKey
{
    /// <summary>Starts the run, or lets it go on where it stopped. Harmless where the same experiment is running or finished.</summary>
    /// <exception cref="RunRefusedException">Another experiment has the name, the run was cancelled, or the experiment is not sound.</exception>
    [Alias("Start")]
    Task<RunInfo> StartAsync(RunSpec spec);

    /// <summary>Stops the run until it is resumed.</summary>
    /// <exception cref="RunRefusedException">It is not running.</exception>
    [Alias("Pause")]
    Task<RunInfo> PauseAsync();

    /// <summary>Lets a paused or failed run go on; one that has ended and whose directory is gone begins again.</summary>
    /// <exception cref="RunRefusedException">It was never started, or was cancelled.</exception>
    [Alias("Resume")]
    Task<RunInfo> ResumeAsync();

    /// <summary>Ends the run for good.</summary>
    /// <exception cref="RunRefusedException">It was never started, or is finished.</exception>
    [Alias("Cancel")]
    Task<RunInfo> CancelAsync();

    /// <summary>Returns where the run stands; null where it was never started. Changes and schedules nothing. Orleans' dashboard calls it by this name.</summary>
    [Alias("GetState")]
    [AlwaysInterleave]
    Task<RunInfo?> GetState();

    /// <summary>Yields the lines of <c>rounds.jsonl</c> from round <paramref name="from"/> on, as they are committed now.</summary>
    [Alias("Rounds")]
    IAsyncEnumerable<string> RoundsAsync(int from, CancellationToken cancellationToken = default);

    /// <summary>
    /// Yields what happens in the run, beginning with what is remembered behind number <paramref name="after"/>, until cancelled or until the coordinator moves, which a
    /// watcher that waits holds up for 15 s at most.
    /// </summary>
    [Alias("Events")]
    IAsyncEnumerable<RunEventMessage> EventsAsync(long after, CancellationToken cancellationToken = default);

    /// <summary>Yields a file of the newest adapter, <c>adapter_config.json</c> or <c>adapter_model.safetensors</c>, in pieces of at most 1 MiB.</summary>
    /// <exception cref="RunRefusedException">There is no such file yet.</exception>
    [Alias("Adapter")]
    IAsyncEnumerable<byte[]> AdapterAsync(string file, CancellationToken cancellationToken = default);
}
