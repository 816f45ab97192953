using FedLLM.TestSupport;

namespace FedLLM.Numerics.Tests;

public sealed class WorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Run_ManyCalls_DoesEveryTaskOnce(int count)
    {
        using var workers = new Workers(count);
        int[] done = new int[300];
        int[] seen = new int[count];
        for (int call = 0; call < 3000; call++)
        {
            workers.Run(call % done.Length, new CountWork(done, seen));
        }

        for (int task = 0; task < done.Length; task++)
        {
            Assert.Equal(10 * (done.Length - 1 - task), done[task]);
        }

        Assert.Equal(done.Sum(), seen.Sum());
    }

    [Fact]
    public void Run_AfterThreadsWentToSleep_StillDoesEveryTask()
    {
        using var workers = new Workers(3);
        int[] done = new int[8];
        for (int call = 0; call < 20; call++)
        {
            Thread.Sleep(2);
            workers.Run(8, new CountWork(done, new int[3]));
        }

        Assert.All(done, d => Assert.Equal(20, d));
    }

    [Fact]
    public void Run_LongTasksOnOthers_CallerWaitsForAll()
    {
        using var workers = new Workers(2);
        int[] done = new int[2];
        for (int call = 0; call < 5; call++)
        {
            workers.Run(2, new SlowWork(done));
        }

        Assert.Equal([5, 5], done);
    }

    [Fact]
    public void Run_TasksThatWaitForOneAnother_EachOnItsOwnThread()
    {
        const int Count = 4;
        using var workers = new Workers(Count);
        using var barrier = new Barrier(Count);
        for (int call = 0; call < 50; call++)
        {
            int[] by = new int[Count];
            workers.Run(Count, new MeetingWork(barrier, by));
            Assert.Equal([0, 1, 2, 3], by);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Run_TasksThrow_RethrowsTheLowestAndStaysUsable(int count)
    {
        using var workers = new Workers(count);
        for (int call = 0; call < 50; call++)
        {
            var exception = Assert.Throws<InvalidDataException>(() => workers.Run(40, new FailingWork(5)));
            Assert.Equal("task 5", exception.Message);
        }

        int[] done = new int[4];
        workers.Run(4, new CountWork(done, new int[count]));
        Assert.Equal([1, 1, 1, 1], done);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_InsideItsOwnTask_Throws(int count)
    {
        using var workers = new Workers(count);
        Assert.Throws<InvalidOperationException>(() => workers.Run(2, new NestedWork(workers)));
    }

    [Fact]
    public void Run_TwoTeamsAtOnce_AreIndependent()
    {
        int[][] done = [new int[16], new int[16]];
        var threads = new Thread[2];
        for (int t = 0; t < 2; t++)
        {
            int[] mine = done[t];
            threads[t] = new Thread(() =>
            {
                using var workers = new Workers(2);
                for (int call = 0; call < 500; call++)
                {
                    workers.Run(16, new CountWork(mine, new int[2]));
                }
            });
            threads[t].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        Assert.All(done, team => Assert.All(team, d => Assert.Equal(500, d)));
    }

    [Fact]
    public void Run_SteadyState_AllocatesNothing()
    {
        using var workers = new Workers(1);
        var work = new CountWork(new int[4], new int[1]);
        workers.Run(4, work);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int call = 0; call < 100; call++)
        {
            workers.Run(4, work);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());

        using var team = new Workers(3);
        work = new CountWork(new int[4], new int[3]);
        team.Run(4, work);
        Allocations.WaitOnce();
        before = GC.GetAllocatedBytesForCurrentThread();
        for (int call = 0; call < 1000; call++)
        {
            team.Run(4, work);
        }

        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Run_AfterDispose_Throws()
    {
        var workers = new Workers(2);
        workers.Dispose();
        workers.Dispose();
        Assert.Throws<ObjectDisposedException>(() => workers.Run(1, new FailingWork(9)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Workers(0));
    }

    private readonly struct CountWork(int[] done, int[] seen) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            done[task]++;
            seen[worker]++;
        }
    }

    private readonly struct SlowWork(int[] done) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            Thread.Sleep(worker == 0 ? 0 : 3);
            done[task]++;
        }
    }

    private readonly struct MeetingWork(Barrier barrier, int[] by) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            by[task] = barrier.SignalAndWait(TimeSpan.FromMinutes(1)) ? worker : -1;
        }
    }

    private readonly struct FailingWork(int from) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            if (task >= from)
            {
                throw new InvalidDataException($"task {task}");
            }
        }
    }

    private readonly struct NestedWork(Workers workers) : IParallelWork
    {
        public void Execute(int task, int worker) => workers.Run(1, new FailingWork(9));
    }
}
