using FedLLM.Federation.Lora;
using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>What a sampled client is told: small, and all it needs besides its own shard. The state itself is fetched by hash.</summary>
/// <param name="RunId">The run.</param>
/// <param name="Round">Round number from 1.</param>
/// <param name="StateHash">SHA-256, lower-case hex, of the global adapter's canonical bytes.</param>
/// <param name="LearningRate">The clients' learning rate of this round.</param>
public sealed record RoundInstruction(string RunId, int Round, string StateHash, double LearningRate)
{
    /// <summary>SHA-256, lower-case hex, of the base correction's canonical bytes; null where the base model is as it was.</summary>
    public string? BaseCorrectionHash { get; init; }

    /// <summary>The factors that clients train this round; the others are frozen.</summary>
    public LoraFactors Trained { get; init; } = LoraFactors.Both;

    /// <summary>The factors whose deltas leave the client. Those trained and not uploaded stay with it, as its private state.</summary>
    public LoraFactors Uploaded { get; init; } = LoraFactors.Both;

    /// <summary>mu of the proximal term; 0 for none.</summary>
    public double ProximalMu { get; init; }

    /// <summary>Whether clients correct their steps by control variates, see <see cref="Algorithms.ControlVariates"/>.</summary>
    public bool UsesControlVariates { get; init; }

    /// <summary>SHA-256, lower-case hex, of the server's control variate c; null where there is none, or c is still zero.</summary>
    public string? ControlVariateHash { get; init; }

    /// <summary>
    /// Per client of the cohort that has any, the hashes of its private states by name, as of the last round in which it was a member: what it must begin with,
    /// whatever it did since in rounds that do not count. A client that is absent begins afresh.
    /// </summary>
    public IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> PrivateStates { get; init; } = GlobalState.NoPrivateStates;

    /// <summary>Returns the part of it that concerns one client.</summary>
    public RoundInstruction For(int client) => this with { PrivateStates = Only(PrivateStates, client) };

    /// <summary>Returns the part of it that all clients share.</summary>
    public RoundInstruction WithoutPrivateStates() => this with { PrivateStates = GlobalState.NoPrivateStates };

    /// <summary>Joins what several clients of one round were told; the inverse of <see cref="For"/>.</summary>
    /// <exception cref="ArgumentException">They were told different things.</exception>
    public static RoundInstruction Join(IReadOnlyList<RoundInstruction> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        RoundInstruction shared = parts[0].WithoutPrivateStates();
        if (parts.Any(p => p.WithoutPrivateStates() != shared))
        {
            throw new ArgumentException("The instructions differ in more than the clients' private states.", nameof(parts));
        }

        var states = new Dictionary<int, IReadOnlyDictionary<string, string>>();
        foreach ((int client, IReadOnlyDictionary<string, string> own) in parts.SelectMany(p => p.PrivateStates))
        {
            states[client] = own;
        }

        return shared with { PrivateStates = states };
    }

    private static IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> Only(
        IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> all, int client) =>
        all.TryGetValue(client, out IReadOnlyDictionary<string, string>? own)
            ? new Dictionary<int, IReadOnlyDictionary<string, string>> { [client] = own }
            : GlobalState.NoPrivateStates;
}

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
public sealed record ClientReceipt(int Client, string UpdateHash, double Weight, IReadOnlyList<float> MaxAbsolute, ClientMetrics Metrics) : ClientOutcome(Client)
{
    /// <summary>Where the algorithm uses control variates: the stored c_i+ - c_i, in the update's layout; null elsewhere.</summary>
    public StoredTensors? ControlDelta { get; init; }

    /// <summary>The hashes of the private states that the client keeps in its own store and begins its next round with, by name; empty where it keeps none.</summary>
    public IReadOnlyDictionary<string, string> PrivateStates { get; init; } = GlobalState.NoStates;
}

/// <summary>Tensors in the store, with what a sum must know before it adds them.</summary>
/// <param name="Hash">SHA-256, lower-case hex, of their canonical bytes.</param>
/// <param name="MaxAbsolute">Per tensor of their layout, in its order, the largest absolute value.</param>
public sealed record StoredTensors(string Hash, IReadOnlyList<float> MaxAbsolute);

/// <summary>The client's update does not count; the reason goes into the round's record.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Reason">Why, in one line, without content of its data.</param>
public sealed record ClientExclusion(int Client, string Reason) : ClientOutcome(Client)
{
    /// <summary>In a round's record: bytes of payload sent to it.</summary>
    public long BytesDown { get; init; }
}

/// <summary>Trains the sampled clients, wherever they live.</summary>
public interface IClientFleet
{
    /// <summary>
    /// Trains every client of <paramref name="cohort"/> and yields each one's outcome when it is known, in any order. Where clients are simulated this is a part of
    /// the round's cohort, and another may follow. Doing it again is harmless: an update that is already stored is answered from the store.
    /// </summary>
    IAsyncEnumerable<ClientOutcome> TrainAsync(RoundInstruction instruction, IReadOnlyList<int> cohort, CancellationToken cancellationToken);
}

/// <summary>Content-addressed tensors: global states and client updates.</summary>
public interface ITensorStore
{
    /// <summary>Stores <paramref name="tensors"/> durably and returns the SHA-256 (lower-case hex) of their canonical bytes. Storing the same again changes nothing.</summary>
    string Put(TensorSet tensors);

    /// <summary>Returns the hash that <see cref="Put"/> would return; a store that can tell it without storing anything says so.</summary>
    string HashOf(TensorSet tensors) => Put(tensors);

    /// <summary>Loads the tensors stored under <paramref name="hash"/>, verified.</summary>
    /// <exception cref="IOException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    TensorSet Get(string hash);

    /// <summary>
    /// Loads the tensors stored under <paramref name="hash"/>, verified, into the caller's set; returns false, with the set's values undefined, where
    /// they have another layout.
    /// </summary>
    /// <exception cref="IOException">Nothing is stored under that hash, or what is stored does not have it.</exception>
    bool TryGet(string hash, TensorSet into);
}

/// <summary>Measures a global state.</summary>
public interface IRoundEvaluator
{
    /// <summary>Returns the suites' values by name (<c>loss</c>, …) of the base model with the state's correction and adapter.</summary>
    Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken);
}

/// <summary>Persists the run: the journal, the checkpoints and the per-round records. One implementation writes a run directory, another a cluster's storage.</summary>
public interface IRunJournal
{
    /// <summary>Returns the newest committed state, or null for a run that has not begun.</summary>
    GlobalState? Load();

    /// <summary>Returns the members of a round whose membership was closed, for exactly this instruction, before an interruption, or null.</summary>
    IReadOnlyList<ClientOutcome>? ClosedMembership(RoundInstruction instruction);

    /// <summary>Journals, durably, who is in a round and who is not; from then on the round's result is a function of this list.</summary>
    void CloseMembership(RoundInstruction instruction, IReadOnlyList<ClientOutcome> outcomes);

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
