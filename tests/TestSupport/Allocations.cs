namespace FedLLM.TestSupport;

/// <summary>For tests that count what a thread allocates.</summary>
public static class Allocations
{
    /// <summary>Lets the calling thread wait: what a thread waits with, for its team as for anything, is made when it first does, and is not what is measured.</summary>
    public static void WaitOnce()
    {
        using var finished = new SemaphoreSlim(0);
        var other = new Thread(() =>
        {
            Thread.Sleep(20);
            finished.Release();
        });
        other.Start();
        finished.Wait();
        other.Join();
    }
}
