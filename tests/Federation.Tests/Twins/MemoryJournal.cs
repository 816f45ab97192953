using FedLLM.Federation.Rounds;

namespace FedLLM.Federation.Tests.Twins;

/// <summary>A journal in memory that can die, like a process, just before or just after it writes.</summary>
internal sealed class MemoryJournal : IRunJournal
{
    private readonly Dictionary<int, IReadOnlyList<ClientOutcome>> _closed = [];
    private GlobalState? _state;

    /// <summary>The records committed, in order.</summary>
    public List<RoundRecord> Records { get; } = [];

    /// <summary>The states committed, in order.</summary>
    public List<GlobalState> States { get; } = [];

    /// <summary>The writes done, in order: <c>close 1</c>, <c>commit 1</c>, …</summary>
    public List<string> Writes { get; } = [];

    /// <summary>The write before which to die, once; or null.</summary>
    public string? DieBefore { get; set; }

    /// <summary>The write after which to die, once; or null.</summary>
    public string? DieAfter { get; set; }

    public GlobalState? Load() => _state is null ? null : Copy(_state);

    /// <summary>Whether a round's membership was closed.</summary>
    public bool IsClosed(int round) => _closed.ContainsKey(round);

    public IReadOnlyList<ClientOutcome>? ClosedMembership(RoundInstruction instruction) => _closed.GetValueOrDefault(instruction.Round);

    public void CloseMembership(RoundInstruction instruction, IReadOnlyList<ClientOutcome> outcomes) =>
        Write($"close {instruction.Round}", () => _closed.Add(instruction.Round, [.. outcomes]));

    public void Commit(GlobalState state, RoundRecord record) => Write($"commit {record.Round}", () =>
    {
        Assert.Equal(state.Round, record.Round);
        Assert.Equal(Records.Count, record.Round);
        _state = Copy(state);
        States.Add(_state);
        Records.Add(record);
    });

    private static GlobalState Copy(GlobalState state) => state with
    {
        Adapter = state.Adapter.Clone(),
        ServerState = state.ServerState.ToDictionary(p => p.Key, p => p.Value.Clone()),
        BaseCorrection = state.BaseCorrection?.Clone(),
    };

    private void Write(string name, Action write)
    {
        if (DieBefore == name)
        {
            DieBefore = null;
            throw new DeathException();
        }

        write();
        Writes.Add(name);
        if (DieAfter == name)
        {
            DieAfter = null;
            throw new DeathException();
        }
    }
}

/// <summary>Stands for a process that ends without notice.</summary>
internal sealed class DeathException : Exception;
