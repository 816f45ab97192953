using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Simulation;
using FedLLM.Federation.Tests.Twins;

namespace FedLLM.Federation.Tests;

/// <summary>Simulated clients, over-selection, deadlines; budgets; the baselines' cohorts.</summary>
public sealed class RunLoopSimulationTests
{
    private static readonly SimulationSettings Behaviour = new() { Availability = 0.8, DropOut = 0.1, MedianSeconds = 10, ClientSpread = 0.7, RoundSpread = 0.3 };

    [Fact]
    public async Task RunAsync_OverSelection_TakesTheFirstToAnswerAndTrainsNobodyElse()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Simulation = Behaviour with { Deadline = 30 }, OverSelection = 0.7, Quorum = 0.25, Rounds = 6 };
        await run.RunAsync();

        var clients = new SimulatedClients(run.Settings.Simulation!, run.Settings.Seed);
        int late = 0;
        foreach (RoundRecord record in run.Journal.Records.Skip(1))
        {
            // 4 clients wanted, ⌈1.7 · 4⌉ = 7 sampled.
            Assert.Equal(new UniformCohort().Draw(run.Settings.Seed, record.Round, 9, 7), record.Cohort);
            SimulatedAnswer[] answers = [.. record.Cohort.Select(c => clients.Of(record.Round, c))];
            SimulatedAnswer[] first = [.. answers.Where(a => a.Absence is null && a.Seconds <= 30).OrderBy(a => a.Seconds).Take(4)];
            Assert.Equal(first.Select(a => a.Client).Order(), record.Clients.Select(c => c.Id));
            Assert.Equal(record.Cohort.Except(first.Select(a => a.Client)), record.Excluded.Select(e => e.Client));
            Assert.All(record.Excluded, e => Assert.Equal(208, e.BytesDown));
            Assert.Equal(first.Length == 4 ? first[3].Seconds : Math.Min(30, answers.Max(a => a.Seconds)), record.SimulatedSeconds);
            Assert.Equal((7 * 208, first.Length * 208), (record.BytesDown, record.BytesUp));
            Assert.Equal(first.Select(a => a.Client).Order(), run.Fleet.Trained.Where(t => t.Round == record.Round).Select(t => t.Client));
            late += record.Excluded.Count(e => e.Reason.Contains("when the round had the 4 updates it wants"));
        }

        Assert.True(late > 0);
        Assert.Contains(run.Journal.Records.SelectMany(r => r.Excluded), e => e.Reason == "it was not available");
    }

    [Fact]
    public async Task RunAsync_DefectiveUpdate_IsReplacedByTheNextToArrive()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Simulation = new SimulationSettings { ClientSpread = 1 }, OverSelection = 0.5, Rounds = 1 };
        int[] arriving = [.. new SimulatedClients(run.Settings.Simulation!, run.Settings.Seed).Of(1, new UniformCohort().Draw(run.Settings.Seed, 1, 9, 6)).Arriving];
        run.Fleet.Answer = (_, receipts) => receipts.Select(r => r.Client == arriving[1] ? r with { Weight = 0 } : r);
        await run.RunAsync();
        RoundRecord record = run.Journal.Records[1];
        Assert.Equal(new[] { 0, 2, 3, 4 }.Select(i => arriving[i]).Order(), record.Clients.Select(c => c.Id));
        Assert.Equal(new[] { 1, 5 }.Select(i => arriving[i]).Order(), record.Excluded.Select(e => e.Client));
        Assert.Null(record.Abandoned);
    }

    [Fact]
    public async Task RunAsync_TooFewAnswer_AbandonsTheRoundByTheQuorumOfThoseWanted()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Simulation = new SimulationSettings { Deadline = 0.5 }, OverSelection = 0.5, MaxAbandoned = 2 };
        await Assert.ThrowsAsync<RunAbandonedException>(() => run.RunAsync());
        RoundRecord record = run.Journal.Records[1];
        Assert.Equal("0 of 6 sampled clients sent a usable update; the quorum is 4", record.Abandoned);
        Assert.All(record.Excluded, e => Assert.Equal("it answered after 1 simulated seconds; the deadline is 0.5", e.Reason));
        Assert.Equal(0.5, record.SimulatedSeconds);
    }

    [Fact]
    public async Task RunAsync_SimulatedAndKilled_ResumesToTheSameBits()
    {
        TestRun Simulated()
        {
            var run = new TestRun();
            run.Settings = run.Settings with { Simulation = Behaviour, OverSelection = 0.7, Quorum = 0.25 };
            return run;
        }

        TestRun whole = Simulated();
        string expected = await whole.HashAsync();
        foreach (string write in whole.Journal.Writes)
        {
            TestRun run = Simulated();
            run.Journal.DieAfter = write;
            await Assert.ThrowsAsync<DeathException>(() => run.RunAsync());
            Assert.Equal(expected, await run.HashAsync());
            Assert.Equal(whole.Journal.Records.Select(r => r.SimulatedSeconds), run.Journal.Records.Select(r => r.SimulatedSeconds));
        }
    }

    [Fact]
    public async Task RunAsync_CommunicationBudget_EndsTheRunBeforeItIsExceeded()
    {
        // 4 clients · 208 bytes, both ways: 1,664 a round. 4,000 bytes are two rounds.
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 10, EvaluateEvery = 5, CommunicationBudget = 4000 };
        GlobalState final = await run.RunAsync();
        Assert.Equal((2, 3328), (final.Round, final.BytesMoved));
        Assert.Equal([null, null, "3328 bytes were moved, and round 3 could move 1664: more than the communication budget of 4000 bytes"],
            run.Journal.Records.Select(r => r.Ended));
        Assert.NotNull(run.Journal.Records[2].Evaluation);

        // Given again, it stays ended.
        Assert.Equal(2, (await run.RunAsync()).Round);
        Assert.Equal(3, run.Journal.Records.Count);
    }

    [Fact]
    public async Task RunAsync_BudgetOfTwoRoundsExactly_IsUsedUp()
    {
        var run = new TestRun();
        run.Settings = run.Settings with { Rounds = 3, CommunicationBudget = 3328 };
        Assert.Equal(2, (await run.RunAsync()).Round);

        var tooSmall = new TestRun();
        tooSmall.Settings = tooSmall.Settings with { CommunicationBudget = 1663 };
        Assert.Equal(0, (await tooSmall.RunAsync()).Round);
        Assert.Contains("could move 1664", tooSmall.Journal.Records[0].Ended);
    }

    [Fact]
    public async Task RunAsync_SingleClient_GivesThatClientsAdapter()
    {
        var run = new TestRun { Sampler = new SingleClientCohort(5) };
        run.Settings = run.Settings with { ClientsPerRound = 1, Rounds = 1 };
        GlobalState final = await run.RunAsync();
        Numerics.TensorSet initial = TestRun.Initial();
        Numerics.TensorSet delta = MemoryFleet.Delta(initial, 1, 5);
        Assert.Equal(initial.Values.Zip(delta.Values, (w, d) => w + d), final.Adapter.Values);
    }

    [Fact]
    public void Problems_OfTheNewSettings_AreAllNamed()
    {
        RunSettings settings = new TestRun().Settings with { OverSelection = 0.5, CommunicationBudget = 0 };
        Assert.Equal(2, settings.Problems().Count);
        Assert.Contains("OverSelection needs simulated clients", settings.Problems()[0]);
        Assert.Contains("CommunicationBudget is 0", settings.Problems()[1]);
        settings = settings with { OverSelection = double.NaN, Simulation = new SimulationSettings { Availability = 2 } };
        Assert.Equal(3, settings.Problems().Count);
        Assert.Equal(7, (settings with { OverSelection = 0.7 }).CohortCount());
        Assert.Equal(9, (settings with { OverSelection = 5 }).CohortCount());
    }
}
