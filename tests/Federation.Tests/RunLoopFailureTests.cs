using FedLLM.Federation.Rounds;
using FedLLM.Federation.Tests.Twins;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests;

/// <summary>Clients that fail, lie, repeat themselves or say nothing.</summary>
public sealed class RunLoopFailureTests
{
    private static readonly TensorLayout Other = new([("lora_A", [19, 2]), ("lora_B", [7, 2])]);

    public static TheoryData<string, string> Defects => new()
    {
        { "fails", "out of memory" },
        { "silent", "gave no answer" },
        { "weight 0", "weight" },
        { "weight NaN", "weight" },
        { "loss NaN", "loss" },
        { "hash", "hash" },
        { "non-finite", "not finite in tensor 'lora_A'" },
        { "non-finite declared", "misstates" },
        { "understated", "misstates the largest value of tensor 'lora_B'" },
        { "misshapen", "misshapen" },
        { "too few tensors", "covers 1 tensors" },
    };

    [Theory]
    [MemberData(nameof(Defects))]
    public async Task RunAsync_UnusableAnswer_IsExcludedWithItsReason(string defect, string reason)
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1, Quorum = 0.5 };
        int bad = run.Cohort(1)[1];
        run.Fleet.Answer = (_, receipts) => receipts.Select(r => r.Client == bad ? Spoil(run, r, defect) : r).OfType<ClientOutcome>();
        GlobalState final = await run.RunAsync();

        RoundRecord record = run.Journal.Records[1];
        ClientExclusion exclusion = Assert.Single(record.Excluded);
        Assert.Equal(bad, exclusion.Client);
        Assert.Contains(reason, exclusion.Reason);
        Assert.Null(record.Abandoned);
        Assert.Equal(run.Cohort(1).Where(c => c != bad), record.Clients.Select(c => c.Id));
        Assert.Equal(record.BytesDown / 4 * 3, record.BytesUp);
        Assert.Contains($"client 1/{bad}", run.Observer.Heard);

        // The others' weights make the whole.
        TensorSet initial = TestRun.Initial();
        double total = record.Clients.Sum(c => c.Weight);
        for (int i = 0; i < initial.Values.Length; i++)
        {
            double mean = record.Clients.Sum(c => c.Weight / total * MemoryFleet.Delta(initial, 1, c.Id).Values[i]);
            Assert.Equal(initial.Values[i] + mean, final.Adapter.Values[i], 1e-7);
        }
    }

    [Fact]
    public async Task RunAsync_BelowQuorum_AbandonsTheRoundAndKeepsTheState()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 3, Quorum = 0.75 };
        run.Fleet.Answer = (round, receipts) => round == 2 ? receipts.Select((r, i) => i < 2 ? r : Failure(r)) : receipts;
        await run.RunAsync();

        RoundRecord record = run.Journal.Records[2];
        Assert.Equal("2 of 4 sampled clients sent a usable update; the quorum is 3", record.Abandoned);
        Assert.Equal(run.Journal.Records[1].Adapter, record.Adapter);
        Assert.Equal(run.Cohort(2).Skip(2), record.Excluded.Select(e => e.Client));
        Assert.NotNull(record.Evaluation);
        Assert.NotEqual(record.Adapter, run.Journal.Records[3].Adapter);
        Assert.Equal(0, run.Journal.Load()!.AbandonedInARow);
    }

    [Fact]
    public async Task RunAsync_TooManyAbandonedInARow_EndsNamingTheClients()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 10, MaxAbandoned = 2 };

        // Round 2 alone is forgiven; rounds 4 and 5 end the run.
        run.Fleet.Answer = (round, receipts) => round is 2 or 4 or 5 ? receipts.Select((r, i) => i == 0 ? Failure(r) : r) : receipts;
        var end = await Assert.ThrowsAsync<RunAbandonedException>(() => run.RunAsync());

        Assert.Equal((5, 2), (end.LastRound, end.InARow));
        int[] expected = [.. new[] { run.Cohort(4)[0], run.Cohort(5)[0] }.Distinct().Order()];
        Assert.Equal(expected, end.Failing.Select(e => e.Client));
        Assert.All(expected, c => Assert.Contains($"client {c} (out of memory)", end.Message));
        Assert.Equal(run.Journal.Records[3].Adapter, run.Journal.Records[5].Adapter);
        Assert.Equal(5, run.Journal.Load()!.Round);
    }

    [Fact]
    public async Task RunAsync_DeathBetweenAbandonedRounds_KeepsCounting()
    {
        var run = new TestRun { Journal = { DieAfter = "commit 1" } };
        run.Settings = run.Settings with { MaxAbandoned = 2 };
        run.Fleet.Answer = (_, receipts) => receipts.Select(Failure);
        await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());
        var end = await Assert.ThrowsAsync<RunAbandonedException>(() => run.RunAsync());
        Assert.Equal((2, 2), (end.LastRound, end.InARow));
        Assert.Equal(run.Cohort(2), end.Failing.Select(e => e.Client));
    }

    [Fact]
    public async Task RunAsync_ManyFailingClients_NamesTenAndCountsTheRest()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Clients = 12, ClientsPerRound = 12, MaxAbandoned = 1 };
        run.Fleet.Answer = (_, receipts) => receipts.Select(Failure);
        var end = await Assert.ThrowsAsync<RunAbandonedException>(() => run.RunAsync());
        Assert.Equal(12, end.Failing.Count);
        Assert.Contains("client 9 (out of memory); and 2 more", end.Message);
    }

    [Fact]
    public async Task RunAsync_AgainAfterTooManyAbandoned_TriesOn()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { MaxAbandoned = 1 };
        run.Fleet.Answer = (_, receipts) => receipts.Select(Failure);
        await Assert.ThrowsAsync<RunAbandonedException>(() => run.RunAsync());
        run.Fleet.Answer = (_, receipts) => receipts;
        Assert.Equal(4, (await run.RunAsync()).Round);
    }

    [Fact]
    public async Task RunAsync_AnswersInAnyOrderAndRepeated_GiveTheSameBits()
    {
        string expected = await new TestRun().HashAsync();
        for (ulong seed = 0; seed < 50; seed++)
        {
            var run = new TestRun();
            ulong s = seed;
            run.Fleet.Answer = (round, receipts) =>
            {
                ClientReceipt[] answers = [.. receipts, .. receipts, .. receipts];
                new CounterRandom(s, RandomPurpose.DataSampling, round).Shuffle<ClientReceipt>(answers);
                return answers;
            };
            Assert.Equal(expected, await run.HashAsync());
            Assert.All(run.Journal.Records.Skip(1), r => Assert.Equal(r.Cohort, r.Clients.Select(c => c.Id)));
        }
    }

    [Fact]
    public async Task RunAsync_AnswersOfStrangers_AreIgnored()
    {
        string expected = await new TestRun().HashAsync();
        var run = new TestRun();
        run.Fleet.Answer = (round, receipts) =>
        {
            int stranger = Enumerable.Range(0, 9).First(c => !run.Cohort(round).Contains(c));
            return [run.Fleet.Receipt(stranger, TestRun.Initial()), new ClientExclusion(-1, "who?"), .. receipts];
        };
        Assert.Equal(expected, await run.HashAsync());
        Assert.All(run.Journal.Records, r => Assert.Empty(r.Excluded));
    }

    [Fact]
    public async Task RunAsync_TwoAnswersOfOneClient_TheFirstStands()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1, Quorum = 0.5 };
        run.Fleet.Answer = (_, receipts) => [Failure(receipts[0]), .. receipts];
        await run.RunAsync();
        Assert.Equal(run.Cohort(1)[0], Assert.Single(run.Journal.Records[1].Excluded).Client);
    }

    private static ClientOutcome Failure(ClientReceipt receipt) => new ClientExclusion(receipt.Client, "out of memory");

    private static ClientOutcome? Spoil(TestRun run, ClientReceipt receipt, string defect)
    {
        TensorSet delta = run.Store.Get(receipt.UpdateHash);
        switch (defect)
        {
            case "fails":
                return Failure(receipt);
            case "silent":
                return null;
            case "weight 0":
                return receipt with { Weight = 0 };
            case "weight NaN":
                return receipt with { Weight = double.NaN };
            case "loss NaN":
                return receipt with { Metrics = receipt.Metrics with { Loss = double.NaN } };
            case "hash":
                return receipt with { UpdateHash = "../../secrets" };
            case "non-finite":
                delta["lora_A"][3] = float.NegativeInfinity;
                return run.Fleet.Receipt(receipt.Client, delta);
            case "non-finite declared":
                return receipt with { MaxAbsolute = [float.NaN, receipt.MaxAbsolute[1]] };
            case "understated":
                return receipt with { MaxAbsolute = [receipt.MaxAbsolute[0], receipt.MaxAbsolute[1] / 2] };
            case "misshapen":
                return run.Fleet.Receipt(receipt.Client, new TensorSet(Other, delta.Values));
            default:
                return run.Fleet.Receipt(receipt.Client, new TensorSet(new TensorLayout([("lora_A", [2, 19])])));
        }
    }
}
