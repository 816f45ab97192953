using System.Diagnostics;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Checkpoints;

/// <summary>Adds up how long something takes, on any threads.</summary>
internal sealed class Watch
{
    private long _ticks;

    /// <summary>Seconds so far.</summary>
    public double Seconds => _ticks / (double)Stopwatch.Frequency;

    /// <summary>Does it and adds its time.</summary>
    public T Time<T>(Func<T> action)
    {
        long begun = Stopwatch.GetTimestamp();
        T result = action();
        Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - begun);
        return result;
    }

    /// <summary>Does it and adds its time.</summary>
    public void Time(Action action) => Time(() =>
    {
        action();
        return 0;
    });
}

/// <summary>A store whose writes are timed.</summary>
/// <param name="store">The store.</param>
/// <param name="writing">Its writes: serializing, hashing, writing and flushing.</param>
internal sealed class TimedStore(ITensorStore store, Watch writing) : ITensorStore
{
    public string Put(TensorSet tensors) => writing.Time(() => store.Put(tensors));

    public TensorSet Get(string hash) => store.Get(hash);

    public bool TryGet(string hash, TensorSet into) => store.TryGet(hash, into);
}

/// <summary>A run's journal whose parts are timed.</summary>
/// <param name="journal">The journal.</param>
/// <param name="receipts">The lines of clients that finished.</param>
/// <param name="membership">The closing of memberships.</param>
/// <param name="commit">Commits: server state, manifest, derived files, and the removal of what is not needed any more.</param>
internal sealed class TimedJournal(FileRunJournal journal, Watch receipts, Watch membership, Watch commit) : IRunJournal, IReceiptLog
{
    public GlobalState? Load() => journal.Load();

    public ClientReceipt? FindReceipt(RoundInstruction instruction, int client) => receipts.Time(() => journal.FindReceipt(instruction, client));

    public void RecordReceipt(RoundInstruction instruction, ClientReceipt receipt) => receipts.Time(() => journal.RecordReceipt(instruction, receipt));

    public IReadOnlyList<ClientOutcome>? ClosedMembership(RoundInstruction instruction) => membership.Time(() => journal.ClosedMembership(instruction));

    public void CloseMembership(RoundInstruction instruction, IReadOnlyList<ClientOutcome> outcomes) =>
        membership.Time(() => journal.CloseMembership(instruction, outcomes));

    public void Commit(GlobalState state, RoundRecord record) => commit.Time(() => journal.Commit(state, record));
}
