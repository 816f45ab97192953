using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Tests.Twins;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests;

public sealed class RunLoopTests
{
    [Fact]
    public async Task RunAsync_EveryClientAnswers_AveragesByWeight()
    {
        var run = new TestRun();
        GlobalState final = await run.RunAsync();

        // The same rounds by hand, in float64.
        double[] expected = [.. TestRun.Initial().Values.Select(v => (double)v)];
        for (int round = 1; round <= 4; round++)
        {
            var adapter = new TensorSet(TestRun.Layout, [.. expected.Select(v => (float)v)]);
            double total = run.Cohort(round).Sum(MemoryFleet.Weight);
            foreach (int client in run.Cohort(round))
            {
                TensorSet delta = MemoryFleet.Delta(adapter, round, client);
                for (int i = 0; i < expected.Length; i++)
                {
                    expected[i] += MemoryFleet.Weight(client) / total * delta.Values[i];
                }
            }
        }

        Assert.Equal(4, final.Round);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i], final.Adapter.Values[i], 1e-6);
        }
    }

    [Fact]
    public async Task RunAsync_EqualWeighting_AveragesPlainly()
    {
        var run = new TestRun { Optimizer = new EqualFedAvg() };
        run.Settings = run.Settings with { Rounds = 1 };
        GlobalState final = await run.RunAsync();
        TensorSet initial = TestRun.Initial();
        for (int i = 0; i < initial.Values.Length; i++)
        {
            double mean = run.Cohort(1).Average(c => (double)MemoryFleet.Delta(initial, 1, c).Values[i]);
            Assert.Equal(initial.Values[i] + mean, final.Adapter.Values[i], 1e-7);
        }
    }

    [Fact]
    public async Task RunAsync_HappyPath_RecordsEveryRound()
    {
        var run = new TestRun();
        GlobalState final = await run.RunAsync();
        Assert.Equal([0, 1, 2, 3, 4], run.Journal.Records.Select(r => r.Round));

        // Before round 1, every second round, and last.
        Assert.Equal([true, false, true, false, true], run.Journal.Records.Select(r => r.Evaluation is not null));
        Assert.Equal(final.Adapter.Values.Sum(v => (double)v), run.Journal.Records[4].Evaluation!["loss"]);
        Assert.Equal(MemoryTensorStore.HashOf(TestRun.Initial()), run.Journal.Records[0].Adapter);
        Assert.Equal(MemoryTensorStore.HashOf(final.Adapter), run.Journal.Records[4].Adapter);

        RoundRecord record = run.Journal.Records[3];
        IReadOnlyList<int> cohort = run.Cohort(3);
        Assert.Equal(cohort, record.Cohort);
        Assert.Equal(cohort.Select(c => new ClientRecord(c, 2 + c, 100 * (c + 1), 0.5, MemoryFleet.Weight(c)) { BytesDown = 208, BytesUp = 208 }),
            record.Clients.Select(c => c with { Norm = null, Cosine = null }));
        Assert.Equal(cohort.Sum(c => MemoryFleet.Weight(c) * (2 + c)) / cohort.Sum(MemoryFleet.Weight), record.TrainLoss!.Value, 1e-12);
        Assert.Equal(run.Settings.LearningRate.At(3), record.LearningRate);
        Assert.Equal((38 + 14) * 4 * 4, record.BytesDown);
        Assert.Equal((38 + 14) * 4 * 4, record.BytesUp);
        Assert.Empty(record.Excluded);
        Assert.Null(record.Abandoned);
        Assert.Equal(["aggregate", "checkpoint", "train"], record.Seconds.Keys.Order());
        Assert.Contains("evaluate", run.Journal.Records[4].Seconds.Keys);
    }

    [Fact]
    public async Task RunAsync_TimePasses_IsChargedToItsPhase()
    {
        var clock = new TestRun.Clock();
        var run = new TestRun { Time = clock };
        run.Fleet.BeforeTraining = (_, _) => clock.Advance(1.5);
        run.Evaluates!.BeforeEvaluation = () => clock.Advance(2);
        await run.RunAsync();
        Assert.Equal(new Dictionary<string, double> { ["checkpoint"] = 0, ["evaluate"] = 2 }, run.Journal.Records[0].Seconds);
        Assert.Equal(new Dictionary<string, double> { ["train"] = 6, ["aggregate"] = 0, ["checkpoint"] = 0 }, run.Journal.Records[1].Seconds);
        Assert.Equal(
            new Dictionary<string, double> { ["train"] = 6, ["aggregate"] = 0, ["checkpoint"] = 0, ["evaluate"] = 2 }, run.Journal.Records[2].Seconds);
    }

    [Fact]
    public async Task RunAsync_EachRound_InstructsWithTheHashOfTheLast()
    {
        var run = new TestRun();
        await run.RunAsync();
        Assert.Equal(
            Enumerable.Range(1, 4).Select(round =>
                new RoundInstruction("test", round, run.Journal.Records[round - 1].Adapter, run.Settings.LearningRate.At(round))),
            run.Fleet.Instructions);
    }

    [Fact]
    public async Task RunAsync_LastRoundOffTheBeat_IsEvaluatedToo()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 3 };
        await run.RunAsync();
        Assert.Equal([true, false, true, true], run.Journal.Records.Select(r => r.Evaluation is not null));
    }

    [Fact]
    public async Task RunAsync_NoEvaluator_RunsAllTheSame()
    {
        var silent = new TestRun { Evaluates = null };
        Assert.Equal(await new TestRun().HashAsync(), await silent.HashAsync());
        Assert.All(silent.Journal.Records, r => Assert.Null(r.Evaluation));
    }

    [Fact]
    public async Task RunAsync_Observers_HearOfARoundAfterItsCommit()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 1 };
        run.Observer.OnHeard = what => Assert.True(!what.StartsWith("committed", StringComparison.Ordinal)
            || run.Journal.Writes[^1] == what.Replace("committed", "commit", StringComparison.Ordinal));
        await run.RunAsync();
        Assert.Equal(["committed 0", "start 1", .. run.Cohort(1).Select(c => $"client 1/{c}"), "committed 1"], run.Observer.Heard);
    }

    [Fact]
    public async Task RunAsync_MembershipClosesBeforeAnythingIsSummed()
    {
        var run = new TestRun { Journal = { DieBefore = "close 1" } };
        await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());

        // Until then each update was read once, to be checked, and the initial adapter by each client.
        Assert.Equal(run.Cohort(1).Count * 2, run.Store.Reads.Count);
        Assert.Equal(["commit 0"], run.Journal.Writes);
    }

    [Fact]
    public async Task RunAsync_FinishedRun_ReturnsItsStateAndDoesNothing()
    {
        var run = new TestRun();
        string hash = await run.HashAsync();
        int writes = run.Journal.Writes.Count;
        Assert.Equal(hash, await run.HashAsync());
        Assert.Equal(writes, run.Journal.Writes.Count);
    }

    [Fact]
    public async Task RunAsync_MoreRoundsLater_ContinuesFromTheFinalState()
    {
        var whole = new TestRun();
        var longer = new TestRun();
        longer.Settings = longer.Settings with { Rounds = 2 };
        await longer.RunAsync();
        longer.Settings = longer.Settings with { Rounds = 4 };
        Assert.Equal(await whole.HashAsync(), await longer.HashAsync());
    }

    [Fact]
    public async Task RunAsync_StoredStateOfOtherTensors_IsRefused()
    {
        var run = new TestRun();
        var other = new TensorSet(new TensorLayout([("w", [1])]));
        run.Journal.Commit(new GlobalState(0, other, new Dictionary<string, TensorSet>(), 0), new RoundRecord { Round = 0, Adapter = "" });
        await Assert.ThrowsAsync<InvalidOperationException>(() => run.RunAsync());
    }

    [Fact]
    public void RunLoop_SettingsThatCannotWork_ListsEveryProblem()
    {
        var run = new TestRun();
        RunSettings settings = run.Settings with
        {
            RunId = " ",
            Rounds = 0,
            Clients = 0,
            ClientsPerRound = 0,
            Quorum = double.NaN,
            MaxAbandoned = 0,
            EvaluateEvery = 0,
        };
        Assert.Equal(7, settings.Problems().Count);
        var refusal = Assert.Throws<ArgumentException>(
            () => new RunLoop(settings, new UniformCohort(), new FedAvg(), run.Fleet, run.Store, run.Journal));
        Assert.All(settings.Problems(), problem => Assert.Contains(problem, refusal.Message));
    }

    [Theory]
    [InlineData(1.0, 4, 4)]
    [InlineData(0.5, 5, 3)]
    [InlineData(0.55, 100, 55)] // 0.55 · 100 is 55.00000000000001 in float64
    [InlineData(0.01, 4, 1)]
    [InlineData(1e-12, 4, 1)]
    public void MembersNeeded_AShareOfTheCohort_IsRoundedUp(double quorum, int cohort, int expected)
    {
        Assert.Equal(expected, (new TestRun().Settings with { Quorum = quorum }).MembersNeeded(cohort));
    }

    /// <summary>FedAvg with the plain mean.</summary>
    private sealed class EqualFedAvg : IServerOptimizer
    {
        public string Name => "equal";

        public MemberWeighting Weighting => MemberWeighting.Equal;

        public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state) =>
            new FedAvg().Step(t, adapter, mean, state);
    }
}
