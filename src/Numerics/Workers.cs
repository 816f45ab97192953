using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace FedLLM.Numerics;

/// <summary>A body of parallel work: a struct whose <see cref="Execute"/> is called once for every task index.</summary>
public interface IParallelWork
{
    /// <summary>Does task <paramref name="task"/> on worker <paramref name="worker"/> (0 is the calling thread).</summary>
    /// <remarks>All threads share one copy of the struct: its fields are for reading. Two tasks of one worker index never overlap in time.</remarks>
    void Execute(int task, int worker);
}

/// <summary>
/// A fixed team of threads that share the tasks of one call at a time. Results never depend on the team's size:
/// a task writes its own outputs and no sum is split between tasks.
/// </summary>
/// <remarks>
/// Each thread begins with its own stretch of the tasks and then helps the others with theirs: what one call left in a thread's cache, the next call finds there,
/// as long as both cut the same rows alike. Within a stretch tasks are claimed one by one in ascending order. Idle threads watch for work for some tens of microseconds and then sleep,
/// so that a pause between two calls costs nobody a core. Several teams may live in one process; each serves one caller at a time.
/// </remarks>
public sealed unsafe class Workers : IDisposable
{
    // Polls of about 40 ns each: a thread spins at most some 50 µs before it sleeps.
    private const int SpinLimit = 1200;

    private readonly Thread[] _threads;
    private readonly TaskStretches _stretches;
    private readonly int _spinLimit;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly SemaphoreSlim _finished = new(0);
    private Shared _shared;

    // The present call; stable from before its tickets are out until its last task is done.
    private void* _body;
    private delegate*<void*, int, int, void> _invoke;
    private int _failedTask;
    private Exception? _failure;

    private int _busy;
    private volatile bool _stopped;

    /// <summary>Starts a team of <paramref name="count"/> threads, the caller's included; 1 starts none.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is below 1.</exception>
    public Workers(int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        Count = count;
        _spinLimit = count <= Environment.ProcessorCount ? SpinLimit : 0;
        _stretches = new TaskStretches(count);
        _threads = new Thread[count - 1];
        for (int i = 0; i < _threads.Length; i++)
        {
            int worker = i + 1;
            _threads[i] = new Thread(() => Serve(worker)) { IsBackground = true, Name = $"FedLLM worker {worker}" };
            _threads[i].Start();
        }
    }

    /// <summary>Number of threads, the caller's included.</summary>
    public int Count { get; }

    /// <summary>Runs tasks 0 … <paramref name="tasks"/> - 1 and returns when all are done; allocates nothing.</summary>
    /// <remarks>If tasks throw, the exception of the lowest failing task is rethrown once all before it are done and all started ones have ended; tasks after it may not run.</remarks>
    /// <exception cref="InvalidOperationException">The team is already running: a task called its own team, or two threads share one.</exception>
    /// <exception cref="ObjectDisposedException">The team has been stopped.</exception>
    public void Run<T>(int tasks, in T work)
        where T : struct, IParallelWork
    {
        ObjectDisposedException.ThrowIf(_stopped, this);
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new InvalidOperationException("The team is already running: inside a task, call without workers; a second thread needs a team of its own.");
        }

        try
        {
            // The copy lives on this stack frame for the whole call, so the others may reach it by its address.
            T body = work;
            if (Count == 1 || tasks <= 1)
            {
                for (int i = 0; i < tasks; i++)
                {
                    body.Execute(i, 0);
                }
            }
            else
            {
                Share(tasks, Unsafe.AsPointer(ref body), &Invoke<T>);
            }
        }
        finally
        {
            Volatile.Write(ref _busy, 0);
        }
    }

    /// <summary>Stops the team's threads and waits for them to end.</summary>
    /// <exception cref="InvalidOperationException">The team is running.</exception>
    public void Dispose()
    {
        if (_stopped)
        {
            return;
        }

        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new InvalidOperationException("The team is running.");
        }

        _stopped = true;
        _wake.Release(Count);
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _wake.Dispose();
        _finished.Dispose();
    }

    private static void Invoke<T>(void* body, int task, int worker)
        where T : struct, IParallelWork => Unsafe.AsRef<T>(body).Execute(task, worker);

    private void Share(int tasks, void* body, delegate*<void*, int, int, void> invoke)
    {
        _body = body;
        _invoke = invoke;
        _failure = null;
        _failedTask = int.MaxValue;
        Volatile.Write(ref _shared.Pending, tasks);
        long call = _shared.Call + 1;
        _stretches.Open(call, tasks);
        Interlocked.Exchange(ref _shared.Call, call);
        WakeSleepers(Math.Min(tasks, Count) - 1);
        Work(0);
        AwaitOthers();
        _body = null;
        if (_failure is { } failure)
        {
            _failure = null;
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    private void Serve(int worker)
    {
        int idle = 0;
        long seen = 0;
        while (!_stopped)
        {
            long call = Volatile.Read(ref _shared.Call);
            if (call != seen)
            {
                Work(worker);
                seen = call;
                idle = 0;
            }
            else if (idle < _spinLimit)
            {
                idle++;
                Thread.SpinWait(1);
            }
            else
            {
                Sleep(seen);
                idle = 0;
            }
        }
    }

    // Claims and does tasks until none is left. A claimed task keeps its call alive, so the call's fields are stable while it runs.
    private void Work(int worker)
    {
        int done = 0;
        for (int i = 0; i < Count; i++)
        {
            int stretch = (worker + i) % Count;
            while (_stretches.TryClaim(stretch, out int task))
            {
                done++;
                if (task < Volatile.Read(ref _failedTask))
                {
                    try
                    {
                        _invoke(_body, task, worker);
                    }
                    catch (Exception exception)
                    {
                        KeepFirst(task, exception);
                    }
                }
            }
        }

        if (done > 0 && Interlocked.Add(ref _shared.Pending, -done) == 0 && worker != 0 && Interlocked.Exchange(ref _shared.CallerAsleep, 0) == 1)
        {
            _finished.Release();
        }
    }

    // Whatever stands below a failed task is still done and reports here if it fails too.
    private void KeepFirst(int task, Exception exception)
    {
        lock (_threads)
        {
            if (task < _failedTask)
            {
                _failure = exception;
                Volatile.Write(ref _failedTask, task);
            }
        }
    }

    private void AwaitOthers()
    {
        int polls = 0;
        while (Volatile.Read(ref _shared.Pending) != 0)
        {
            if (polls < _spinLimit)
            {
                polls++;
                Thread.SpinWait(1);
                continue;
            }

            // Whoever takes the mark back from 1 to 0 owes or saves exactly one release.
            Interlocked.Exchange(ref _shared.CallerAsleep, 1);
            if (Volatile.Read(ref _shared.Pending) != 0 || Interlocked.Exchange(ref _shared.CallerAsleep, 0) == 0)
            {
                _finished.Wait();
            }
        }
    }

    private void Sleep(long seen)
    {
        Interlocked.Increment(ref _shared.Sleepers);
        bool workIsBack = Volatile.Read(ref _shared.Call) != seen;
        if (!(workIsBack && TakeSleepers(1) == 1))
        {
            _wake.Wait();
        }
    }

    private void WakeSleepers(int wanted)
    {
        int taken = TakeSleepers(wanted);
        if (taken > 0)
        {
            _wake.Release(taken);
        }
    }

    // Takes up to the wanted number off the count of sleepers; each one taken is owed a wake-up or was the taker itself.
    private int TakeSleepers(int wanted)
    {
        while (true)
        {
            int sleepers = Volatile.Read(ref _shared.Sleepers);
            int taken = Math.Min(sleepers, wanted);
            if (taken <= 0 || Interlocked.CompareExchange(ref _shared.Sleepers, sleepers - taken, sleepers) == sleepers)
            {
                return Math.Max(taken, 0);
            }
        }
    }

    // Each on cache lines of its own: the threads poll one while they write another.
    [StructLayout(LayoutKind.Explicit, Size = 640)]
    private struct Shared
    {
        [FieldOffset(128)]
        public long Call;

        [FieldOffset(256)]
        public int Pending;

        [FieldOffset(384)]
        public int Sleepers;

        [FieldOffset(512)]
        public int CallerAsleep;
    }
}
