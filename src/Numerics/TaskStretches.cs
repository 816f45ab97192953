namespace FedLLM.Numerics;

/// <summary>The tasks of one call at a time, cut into a stretch for each thread, from which any thread claims them one by one in ascending order.</summary>
/// <param name="count">Number of stretches.</param>
internal sealed class TaskStretches(int count)
{
    // Tickets so far apart that no two share a cache line or a pair of them.
    private const int Distance = 16;

    // High half: number of the call; low half: tasks not yet claimed. A claim of an earlier call can therefore never succeed in a later one.
    private readonly long[] _tickets = new long[(count + 1) * Distance];
    private int _tasks;

    /// <summary>Opens all tasks of a call. Every task of the call before must have been claimed and done.</summary>
    /// <param name="call">The call's number, different from that of the 2^32 - 1 calls before.</param>
    /// <param name="tasks">Number of tasks.</param>
    public void Open(long call, int tasks)
    {
        _tasks = tasks;
        for (int stretch = 0; stretch < count; stretch++)
        {
            Volatile.Write(ref Ticket(stretch), (call << 32) | (uint)(End(stretch) - End(stretch - 1)));
        }
    }

    /// <summary>Claims the next task of a stretch; false where none is left.</summary>
    public bool TryClaim(int stretch, out int task)
    {
        ref long place = ref Ticket(stretch);
        while (true)
        {
            long ticket = Volatile.Read(ref place);
            int unclaimed = (int)ticket;
            if (unclaimed == 0)
            {
                task = 0;
                return false;
            }

            if (Interlocked.CompareExchange(ref place, ticket - 1, ticket) == ticket)
            {
                // The claim keeps the call alive, so the number of its tasks is stable.
                task = End(stretch) - unclaimed;
                return true;
            }
        }
    }

    private ref long Ticket(int stretch) => ref _tickets[(stretch + 1) * Distance];

    // The task after the last one of a stretch.
    private int End(int stretch) => (int)((long)_tasks * (stretch + 1) / count);
}
