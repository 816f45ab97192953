using FedLLM.Federation.Rounds;
using FedLLM.Federation.Tests.Twins;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests;

/// <summary>The length and direction of the members' updates in a round's record.</summary>
public sealed class MemberRecordTests
{
    [Fact]
    public async Task RunAsync_EveryMember_IsRecordedWithNormAndCosine()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1 };
        await run.RunAsync();

        // By hand, in float64.
        IReadOnlyList<int> cohort = run.Cohort(1);
        double[][] deltas = [.. cohort.Select(c => MemoryFleet.Delta(TestRun.Initial(), 1, c).Values.Select(v => (double)v).ToArray())];
        double total = cohort.Sum(MemoryFleet.Weight);
        double[] mean = [.. Enumerable.Range(0, deltas[0].Length).Select(i => cohort.Select((c, k) => MemoryFleet.Weight(c) / total * deltas[k][i]).Sum())];
        for (int k = 0; k < cohort.Count; k++)
        {
            ClientRecord record = run.Journal.Records[1].Clients[k];
            Assert.Equal(Norm(deltas[k]), record.Norm!.Value, 1e-12);
            Assert.Equal(deltas[k].Zip(mean, (a, b) => a * b).Sum() / (Norm(deltas[k]) * Norm(mean)), record.Cosine!.Value, 1e-6);
            Assert.InRange(record.Cosine.Value, -1, 1);
        }
    }

    [Fact]
    public async Task RunAsync_AnswersInAnotherOrder_RecordsTheSameBits()
    {
        var forward = new TestRun();
        var backward = new TestRun();
        backward.Fleet.Answer = (_, receipts) => receipts.Reverse();
        await forward.RunAsync();
        await backward.RunAsync();
        Assert.Equal(forward.Journal.Records.SelectMany(r => r.Clients), backward.Journal.Records.SelectMany(r => r.Clients));
    }

    [Fact]
    public async Task RunAsync_UpdateOfZeros_HasNormZeroAndNoDirection()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1 };
        int idle = run.Cohort(1)[2];
        run.Fleet.Answer = (_, receipts) => receipts.Select(r => r.Client == idle ? run.Fleet.Receipt(idle, new TensorSet(TestRun.Layout)) : r);
        await run.RunAsync();
        ClientRecord record = run.Journal.Records[1].Clients[2];
        Assert.Equal((idle, 0.0, (double?)null), (record.Id, record.Norm!.Value, record.Cosine));
        Assert.All(run.Journal.Records[1].Clients.Where(c => c.Id != idle), c => Assert.NotNull(c.Cosine));
    }

    [Fact]
    public async Task RunAsync_AbandonedRound_RecordsNormsWithoutCosines()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1 };
        run.Fleet.Answer = (_, receipts) => receipts.Take(3);
        await run.RunAsync();
        Assert.NotNull(run.Journal.Records[1].Abandoned);
        Assert.Equal(3, run.Journal.Records[1].Clients.Count);
        Assert.All(run.Journal.Records[1].Clients, c => Assert.True(c.Norm > 0 && c.Cosine is null));
    }

    private static double Norm(double[] values) => Math.Sqrt(values.Sum(v => v * v));
}
