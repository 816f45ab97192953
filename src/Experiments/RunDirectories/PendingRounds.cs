using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What the journal says of rounds that no checkpoint covers: whose update is stored, and whose counts. Nobody of those trains again.</summary>
/// <param name="store">Where the updates are.</param>
/// <param name="keepUpdates">Whether the updates of covered rounds stay in the store too.</param>
internal sealed class PendingRounds(FileTensorStore store, bool keepUpdates)
{
    private readonly Dictionary<(int Round, int Client), ReceiptEntry> _receipts = [];
    private readonly Dictionary<int, MembershipEntry> _memberships = [];
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);

    /// <summary>The stored files that must stay.</summary>
    public IEnumerable<string> Hashes =>
        [.. _kept, .. _receipts.Values.SelectMany(r => r.Hashes), .. _memberships.Values.SelectMany(m => m.Members).SelectMany(m => m.Hashes)];

    /// <summary>Takes note of a line of the journal.</summary>
    public void Remember(JournalEntry entry)
    {
        if (entry.Receipt is { } receipt)
        {
            _receipts[(receipt.Round, receipt.Client)] = receipt;
        }
        else if (entry.Membership is { } membership)
        {
            _memberships[membership.Round] = membership;
            if (keepUpdates)
            {
                _kept.UnionWith(membership.Members.SelectMany(m => m.Leaving));
            }
        }
    }

    /// <summary>Returns a client's receipt for exactly this instruction, where everything it names is stored and whole; null otherwise.</summary>
    public ClientReceipt? Receipt(RoundInstruction instruction, int client) =>
        _receipts.TryGetValue((instruction.Round, client), out ReceiptEntry? entry)
        && entry.Instruction == InstructionFingerprint.Of(instruction, client)
        && entry.Hashes.All(store.IsWhole)
            ? entry.ToReceipt()
            : null;

    /// <summary>Returns who is in a round and who is not, where that was closed for exactly this instruction and everything it names is stored and whole; null otherwise.</summary>
    public IReadOnlyList<ClientOutcome>? Membership(RoundInstruction instruction) =>
        _memberships.TryGetValue(instruction.Round, out MembershipEntry? entry)
        && entry.Instruction == InstructionFingerprint.Of(instruction)
        && entry.Members.SelectMany(m => m.Hashes).All(store.IsWhole)
            ? entry.ToOutcomes()
            : null;

    /// <summary>Drops the rounds up to <paramref name="round"/>: a checkpoint covers them.</summary>
    public void ForgetTo(int round)
    {
        foreach ((int Round, int Client) key in _receipts.Keys.Where(k => k.Round <= round).ToArray())
        {
            _receipts.Remove(key);
        }

        foreach (int covered in _memberships.Keys.Where(r => r <= round).ToArray())
        {
            _memberships.Remove(covered);
        }
    }
}
