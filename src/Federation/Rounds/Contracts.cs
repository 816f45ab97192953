using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>What a sampled client is told: small, and all it needs besides its own shard. The state itself is fetched by hash.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Round">Round number from 1.</param>
/// <param name="StateHash">SHA-256, lower-case hex, of the global adapter's canonical bytes.</param>
/// <param name="LearningRate">The clients' learning rate of this round.</param>
public sealed record RoundInstruction(string RunId, int Round, string StateHash, double LearningRate);

/// <summary>What a client measured in one round.</summary>
/// <param name="Loss">Mean of its step losses (nats per scored token, or per pair), proximal term included.</param>
/// <param name="Tokens">Unpadded tokens processed.</param>
/// <param name="Seconds">Wall time of its training; of clients that train side by side, each one's share by tokens.</param>
public sealed record ClientMetrics(double Loss, long Tokens, double Seconds)
{
    /// <summary>Means over its steps of the rewards of its pairs; null in instruction tuning.</summary>
    public ClientRewards? Rewards { get; init; }
}

/// <summary>How one sampled client's round ended.</summary>
/// <param name="Client">Client id, from 0.</param>
public abstract record ClientOutcome(int Client);

/// <summary>The client trained and stored its update under its hash.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="UpdateHash">SHA-256, lower-case hex, of the stored update.</param>
/// <param name="Weight">Aggregation weight: its number of usable samples; positive.</param>
/// <param name="MaxAbsolute">Per tensor of the layout, in its order, the largest |delta|.</param>
/// <param name="Metrics">What it measured.</param>
public sealed record ClientReceipt(int Client, string UpdateHash, double Weight, IReadOnlyList<float> MaxAbsolute, ClientMetrics Metrics) : ClientOutcome(Client);

/// <summary>The client's update does not count; the reason goes into the round's record.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Reason">Why, in one line, without content of its data.</param>
public sealed record ClientExclusion(int Client, string Reason) : ClientOutcome(Client);

/// <summary>Trains the sampled clients, wherever they live.</summary>
public interface IClientFleet
{
    /// <summary>
    /// Trains every client of <paramref name="cohort"/> and yields each one's outcome when it is known, in any order.
    /// Doing it again is harmless: an update that is already stored is answered from the store.
    /// </summary>
    IAsyncEnumerable<ClientOutcome> TrainAsync(RoundInstruction instruction, IReadOnlyList<int> cohort, CancellationToken cancellationToken);
}

/// <summary>Content-addressed tensors: global states and client updates.</summary>
public interface ITensorStore
{
    /// <summary>Stores <paramref name="tensors"/> durably and returns the SHA-256 (lower-case hex) of their canonical bytes. Storing the same again changes nothing.</summary>
    string Put(TensorSet tensors);

    /// <summary>Loads the tensors stored under <paramref name="hash"/>, verified.</summary>
    /// <exception cref="IOException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    TensorSet Get(string hash);
}

/// <summary>Measures a global adapter.</summary>
public interface IRoundEvaluator
{
    /// <summary>Returns the suites' values by name (<c>loss</c>, …).</summary>
    Task<IReadOnlyDictionary<string, double>> EvaluateAsync(TensorSet adapter, CancellationToken cancellationToken);
}

/// <summary>Everything the next round depends on, as of the end of a round.</summary>
/// <param name="Round">The last finished round, abandoned ones included; 0 before the first.</param>
/// <param name="Adapter">The global adapter.</param>
/// <param name="ServerState">The server optimizer's tensors by name (<c>m</c>, <c>v</c>, …); empty for FedAvg.</param>
/// <param name="AbandonedInARow">How many rounds up to this one were abandoned one after another.</param>
public sealed record GlobalState(int Round, TensorSet Adapter, IReadOnlyDictionary<string, TensorSet> ServerState, int AbandonedInARow);

/// <summary>Persists the run: the journal, the checkpoints and the per-round records. One implementation writes a run directory, another a cluster's storage.</summary>
public interface IRunJournal
{
    /// <summary>Returns the newest committed state, or null for a run that has not begun.</summary>
    GlobalState? Load();

    /// <summary>Returns the members of a round whose membership was closed before an interruption, or null.</summary>
    IReadOnlyList<ClientOutcome>? ClosedMembership(int round);

    /// <summary>Journals, durably, who is in a round and who is not; from then on the round's result is a function of this list.</summary>
    void CloseMembership(int round, IReadOnlyList<ClientOutcome> outcomes);

    /// <summary>Commits the state at the end of a round together with the round's record, atomically.</summary>
    void Commit(GlobalState state, RoundRecord record);
}

/// <summary>Follows a run. Observers hear of a round after it is committed; they cannot change it.</summary>
public interface IRunObserver
{
    /// <summary>A round begins with this cohort.</summary>
    void RoundStarted(int round, IReadOnlyList<int> cohort);

    /// <summary>One client of the round ended.</summary>
    void ClientFinished(int round, ClientOutcome outcome);

    /// <summary>The round was committed.</summary>
    void RoundCommitted(RoundRecord record);
}
