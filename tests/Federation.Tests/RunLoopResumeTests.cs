using FedLLM.Federation.Tests.Twins;

namespace FedLLM.Federation.Tests;

/// <summary>Runs that die or are cancelled, and go on.</summary>
public sealed class RunLoopResumeTests
{
    [Fact]
    public async Task RunAsync_DeathAroundEveryWrite_ResumesToTheSameBitsAndRetrainsNobody()
    {
        var whole = new TestRun();
        string expected = await whole.HashAsync();
        foreach (string write in whole.Journal.Writes)
        {
            foreach (bool after in new[] { false, true })
            {
                var run = new TestRun();
                run.Journal.DieBefore = after ? null : write;
                run.Journal.DieAfter = after ? write : null;
                await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());
                Assert.Equal(expected, await run.HashAsync());
                Assert.Equal(whole.Fleet.Trained, run.Fleet.Trained);
                Assert.Equal(whole.Journal.Writes, run.Journal.Writes);
                Assert.Equal(whole.Journal.Records.Select(r => r.Adapter), run.Journal.Records.Select(r => r.Adapter));
            }
        }
    }

    [Fact]
    public async Task RunAsync_AfterMembershipClosed_DoesNotAskTheFleet()
    {
        string expected = await new TestRun().HashAsync();
        var run = new TestRun { Journal = { DieAfter = "close 4" } };
        await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());

        // Whoever would answer now would answer wrongly.
        run.Fleet.Answer = (_, _) => throw new InvalidOperationException("The fleet was asked again.");
        Assert.Equal(expected, await run.HashAsync());
        Assert.Equal(4, run.Fleet.Instructions.Count);
        Assert.DoesNotContain("train", run.Journal.Records[4].Seconds.Keys);
        Assert.Equal(run.Cohort(4), run.Journal.Records[4].Clients.Select(c => c.Id));
    }

    [Fact]
    public async Task RunAsync_UpdateUnreadable_EndsWithTheStateCommittedAndResumes()
    {
        var whole = new TestRun();
        string expected = await whole.HashAsync();
        var run = new TestRun();
        run.Fleet.Answer = (round, receipts) =>
        {
            run.Store.Broken = round == 3 ? receipts[2].UpdateHash : null;
            return receipts;
        };
        await Assert.ThrowsAsync<IOException>(() => run.RunAsync());
        Assert.Equal(2, run.Journal.Load()!.Round);
        Assert.False(run.Journal.IsClosed(3));

        run.Store.Broken = null;
        run.Fleet.Answer = (_, receipts) => receipts;
        Assert.Equal(expected, await run.HashAsync());
    }

    [Fact]
    public async Task RunAsync_CancelledAtAnyMoment_KeepsTheStateAndResumesToTheSameBits()
    {
        var whole = new TestRun();
        string expected = await whole.HashAsync();
        foreach (string moment in whole.Observer.Heard)
        {
            using var source = new CancellationTokenSource();
            var run = new TestRun();
            run.Observer.OnHeard = what =>
            {
                if (what == moment)
                {
                    source.Cancel();
                }
            };
            if (moment == "committed 4")
            {
                await run.RunAsync(source.Token);
            }
            else
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(source.Token));
            }

            Assert.Equal(run.Journal.Records.Count - 1, run.Journal.Load()!.Round);
            Assert.Equal(expected, await run.HashAsync());
            Assert.Equal(whole.Fleet.Trained, run.Fleet.Trained);
        }
    }

    [Fact]
    public async Task RunAsync_CancelledWhileAClientTrains_ExcludesNobody()
    {
        string expected = await new TestRun().HashAsync();
        using var source = new CancellationTokenSource();
        var run = new TestRun();
        run.Fleet.BeforeTraining = (round, client) =>
        {
            if (round == 2 && client == run.Cohort(2)[1])
            {
                source.Cancel();
            }
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(source.Token));
        Assert.False(run.Journal.IsClosed(2));
        run.Fleet.BeforeTraining = (_, _) => { };
        Assert.Equal(expected, await run.HashAsync());
        Assert.All(run.Journal.Records, r => Assert.Empty(r.Excluded));
    }

    [Fact]
    public async Task RunAsync_FleetThatEndsQuietlyWhenCancelled_ExcludesNobody()
    {
        using var source = new CancellationTokenSource();
        var run = new TestRun();
        run.Fleet.Answer = (_, receipts) =>
        {
            source.Cancel();
            return receipts.Take(0);
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(source.Token));
        Assert.False(run.Journal.IsClosed(1));
    }

    [Fact]
    public async Task RunAsync_CancelledBeforeItBegins_CommitsNothing()
    {
        var run = new TestRun();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run.RunAsync(new CancellationToken(canceled: true)));
        Assert.Null(run.Journal.Load());
    }
}
