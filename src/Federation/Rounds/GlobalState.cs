using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>Everything the next round depends on, as of the end of a round.</summary>
/// <param name="Round">The last finished round, abandoned ones included; 0 before the first.</param>
/// <param name="Adapter">The global adapter.</param>
/// <param name="ServerState">The server optimizer's tensors by name (<c>m</c>, <c>v</c>, <c>c</c>); empty for FedAvg.</param>
/// <param name="AbandonedInARow">How many rounds up to this one were abandoned one after another.</param>
public sealed record GlobalState(int Round, TensorSet Adapter, IReadOnlyDictionary<string, TensorSet> ServerState, int AbandonedInARow)
{
    /// <summary>No private states by name.</summary>
    internal static readonly IReadOnlyDictionary<string, string> NoStates = new Dictionary<string, string>();

    /// <summary>No client has a private state.</summary>
    internal static readonly IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> NoPrivateStates =
        new Dictionary<int, IReadOnlyDictionary<string, string>>();

    /// <summary>
    /// What is added to the frozen base weights, as stacked factors with scaling 1 (see <see cref="Lora.StackedCorrection"/>); null for methods that leave
    /// the base alone.
    /// </summary>
    public TensorSet? BaseCorrection { get; init; }

    /// <summary>
    /// Per client that was a member and keeps any, the hashes of its private states by name (SCAFFOLD's c_i, FedSA's B). The tensors stay with the client.
    /// </summary>
    public IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> PrivateStates { get; init; } = NoPrivateStates;

    /// <summary>Bytes of payload moved up to this round, down and up together.</summary>
    public long BytesMoved { get; init; }

    /// <summary>Returns the private states of the clients of <paramref name="cohort"/> that have any.</summary>
    internal IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> PrivateStatesOf(IReadOnlyList<int> cohort) => PrivateStates.Count == 0
        ? NoPrivateStates
        : cohort.Where(PrivateStates.ContainsKey).ToDictionary(c => c, c => PrivateStates[c]);

    /// <summary>Returns every client's private states after a round: a member's new ones take the place of its old ones, name by name.</summary>
    internal IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> PrivateStatesAfter(IReadOnlyList<ClientReceipt> members)
    {
        if (members.All(m => m.PrivateStates.Count == 0))
        {
            return PrivateStates;
        }

        var next = new Dictionary<int, IReadOnlyDictionary<string, string>>(PrivateStates);
        foreach (ClientReceipt member in members.Where(m => m.PrivateStates.Count > 0))
        {
            var states = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach ((string name, string hash) in PrivateStates.GetValueOrDefault(member.Client, NoStates).Concat(member.PrivateStates))
            {
                states[name] = hash;
            }

            next[member.Client] = states;
        }

        return next;
    }
}
