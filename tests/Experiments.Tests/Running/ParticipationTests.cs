using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Cohorts, simulated clients, budgets and baselines through real runs on the demo's model and data.</summary>
public sealed class ParticipationTests : IDisposable
{
    private static readonly string[] Short =
    [
        "federation.rounds=3", "federation.clients_per_round=3", "training.max_steps=1", "training.batch_size=2", "evaluation.data=none", "training.threads=2",
    ];

    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_OpenFedLlmAndFedItSampling_DrawTheirSequences()
    {
        // random.seed(t); sorted(random.sample(range(20), 2)), and np.random.seed(t); np.random.choice(np.arange(20), 2, replace=False), sorted.
        RunResult python = await Run("python", "federation.rounds=5", "federation.clients_per_round=2", "federation.sampling=openfedllm");
        Assert.Equal([[12, 13], [4, 18], [1, 2], [7, 18], [7, 9]], python.Rounds.Skip(1).Select(r => r.Cohort));
        RunResult numpy = await Run("numpy", "federation.clients_per_round=auto", "federation.fraction=0.1", "federation.sampling=fedit", "federation.rounds=5");
        Assert.Equal(Enumerable.Range(1, 5).Select(round => new FedItCohort().Draw(0, round, 20, 2)), numpy.Rounds.Skip(1).Select(r => r.Cohort));
        Assert.Equal([1, 18], numpy.Rounds[1].Cohort);
    }

    [Fact]
    public async Task Run_RoundRobin_TakesEveryClientOnceInAPass()
    {
        RunResult result = await Run("robin", "federation.rounds=4", "federation.clients_per_round=5", "federation.sampling=round-robin");
        Assert.Equal(Enumerable.Range(0, 20), result.Rounds.SelectMany(r => r.Cohort).Order());
    }

    [Fact]
    public async Task Run_Weighted_DrawsByTheShardsSizes()
    {
        PreparedExperiment prepared = Prepare("federation.sampling=weighted");
        var expected = new WeightedCohort([.. prepared.Reports.Select(r => (double)r.Tally.Usable)]);
        RunResult result = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, "weighted"), [], default);
        Assert.Equal(
            Enumerable.Range(1, 3).Select(round => expected.Draw((ulong)prepared.Experiment.Seed, round, 20, 3)), result.Rounds.Skip(1).Select(r => r.Cohort));
    }

    [Fact]
    public async Task Run_SimulatedClients_NamesWhoDropsOutAndResumesToTheSameBits()
    {
        string[] simulated =
        [
            "federation.rounds=4", "federation.over_selection=1", "federation.quorum=0.3", "simulation.drop_out=0.3", "simulation.availability=0.8",
            "simulation.client_spread=0.5", "simulation.round_spread=0.5", "federation.deadline=2",
        ];
        RunResult whole = await Run("whole", simulated);
        string[] reasons = [.. whole.Rounds.SelectMany(r => r.Excluded).Select(e => e.Reason)];
        Assert.Contains("it dropped out", reasons);
        Assert.Contains("it was not available", reasons);
        Assert.All(whole.Rounds.Skip(1), r =>
        {
            Assert.Equal(6, r.Cohort.Count);
            Assert.Equal(r.Cohort, r.Clients.Select(c => c.Id).Concat(r.Excluded.Select(e => e.Client)).Order());
            Assert.InRange(r.SimulatedSeconds!.Value, 0.01, 2);
        });

        // The same, stopped after one answer, continued, stopped after two, and so on.
        RunResult? result = null;
        for (int attempt = 0; result is null; attempt++)
        {
            Assert.InRange(attempt, 0, 12);
            using var stop = new CancellationTokenSource();
            try
            {
                result = await Run("pieces", [new StopAfter(stop, attempt + 1)], stop.Token, simulated);
            }
            catch (OperationCanceledException)
            {
                // Continued in the next turn.
            }
        }

        Assert.Equal(whole.AdapterHash, result.AdapterHash);
        Assert.Equal(
            whole.Rounds.Select(r => (r.Adapter, r.SimulatedSeconds, string.Join("; ", r.Excluded))),
            result.Rounds.Select(r => (r.Adapter, r.SimulatedSeconds, string.Join("; ", r.Excluded))));
        Assert.Equal(
            whole.Rounds.SelectMany(r => r.Clients).Select(c => c with { Seconds = 0 }), result.Rounds.SelectMany(r => r.Clients).Select(c => c with { Seconds = 0 }));
    }

    [Fact]
    public async Task Run_Budget_EndsBeforeTheRoundThatCouldExceedIt()
    {
        RunResult open = await Run("open");
        long perRound = open.Rounds[1].BytesDown + open.Rounds[1].BytesUp;
        double twoRounds = (2.5 * perRound) / (1 << 20);
        string budget = FormattableString.Invariant($"federation.budget_mb={twoRounds:R}");
        RunResult bounded = await Run("bounded", budget, "checkpoint.every=5");
        Assert.Equal([0, 1, 2], bounded.Rounds.Select(r => r.Round));
        Assert.Equal(open.Rounds[2].Adapter, bounded.AdapterHash);
        Assert.Contains("budget", bounded.Rounds[2].Ended, StringComparison.Ordinal);
        Assert.Equal(RunState.Finished, RunStatus.Read(Path.Combine(_folder, "bounded")).State);

        // It is finished: given again, nothing happens.
        RunResult again = await Run("bounded", budget, "checkpoint.every=5");
        Assert.Equal(bounded.Rounds.Select(r => r.Adapter), again.Rounds.Select(r => r.Adapter));
    }

    [Fact]
    public async Task Run_Epochs_PassOverEveryShard()
    {
        PreparedExperiment prepared = Prepare("training.max_steps=none", "training.epochs=1", "training.batch_size=8", "federation.rounds=1");
        RunResult result = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, "epochs"), [], default);
        Assert.All(result.Rounds[1].Clients, c => Assert.Equal(prepared.Reports[c.Id].Tally.Tokens, c.Tokens));
        Assert.Equal(result.AdapterHash, (await Run(
            "lanes", "training.max_steps=none", "training.epochs=1", "training.batch_size=8", "federation.rounds=1", "training.threads=1", "training.lanes=3")).AdapterHash);
    }

    [Fact]
    public async Task Run_LocalClient_IsThatClientsOwnTraining()
    {
        RunResult alone = await Run("alone", "federation.algorithm=local", "federation.client=7", "federation.rounds=2");
        Assert.All(alone.Rounds.Skip(1), r => Assert.Equal([7], r.Cohort));

        // Its first round is that of any run in which it takes part: the adapter moves by its update alone.
        RunResult one = await Run("one", "federation.clients_per_round=20", "federation.rounds=1");
        Assert.Equal(one.Rounds[1].Clients[7].Loss, alone.Rounds[1].Clients[0].Loss);
        Assert.Equal(one.Rounds[1].Clients[7].Norm, alone.Rounds[1].Clients[0].Norm);
        Assert.Equal(1, alone.Rounds[1].Clients[0].Cosine!.Value, 1e-6);
    }

    [Fact]
    public async Task LocalRuns_EveryClient_KeepsItsOwnAdapterAndResumes()
    {
        string root = Path.Combine(_folder, "family");
        IReadOnlyList<LocalRun> runs = LocalRuns.Of(Prepare("federation.algorithm=local", "federation.rounds=1"), root);
        Assert.Equal(20, runs.Count);
        var hashes = new List<string>();
        foreach (LocalRun run in runs.Take(3))
        {
            RunResult result = await new ExperimentRunner(run.Prepared, TimeProvider.System).RunAsync(run.Directory, [], default);
            Assert.Equal([run.Client], result.Rounds[1].Cohort);
            Assert.True(File.Exists(Path.Combine(root, "clients", $"{run.Client}", "adapter", "adapter_model.safetensors")));
            hashes.Add(result.AdapterHash);
        }

        Assert.Equal(3, hashes.Distinct().Count());
        Assert.Equal(
            hashes[2], (await Run("two", "federation.algorithm=local", "federation.client=2", "federation.rounds=1")).AdapterHash);
    }

    [Theory]
    [InlineData("equal-steps", 1)]
    [InlineData("equal-samples", 3)]
    public async Task Run_Centralized_TrainsOneClientOnAllShards(string pooling, int steps)
    {
        PreparedExperiment prepared = Prepare("federation.algorithm=centralized", $"federation.pooling={pooling}");
        PreparedExperiment federated = Prepare();
        Assert.Equal((1, 20), (prepared.Shards.Clients, prepared.PartitionClients));
        Assert.Equal(federated.Reports.Sum(r => r.Tally.Usable), prepared.Reports[0].Tally.Usable);
        RunResult result = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, pooling), [], default);
        Assert.All(result.Rounds.Skip(1), r => Assert.Equal([0], r.Cohort));
        Assert.Equal(steps, Participation.Training(prepared).MaxSteps);
        Assert.Equal(3, result.Rounds[^1].Round);
    }

    private static PreparedExperiment Prepare(params string[] overrides) => PreparedExperiment.Prepare(DemoAssets.Experiment([.. Short, .. overrides]));

    private Task<RunResult> Run(string name, params string[] overrides) => Run(name, [], default, overrides);

    private Task<RunResult> Run(string name, IReadOnlyList<IRunObserver> observers, CancellationToken cancellationToken, params string[] overrides) =>
        new ExperimentRunner(Prepare(overrides), TimeProvider.System).RunAsync(Path.Combine(_folder, name), observers, cancellationToken);

    /// <summary>Stops the run once it has heard a number of usable answers, those stored before included.</summary>
    private sealed class StopAfter(CancellationTokenSource stop, int answers) : IRunObserver
    {
        private int _heard;

        public void RoundStarted(int round, IReadOnlyList<int> cohort)
        {
        }

        public void ClientFinished(int round, ClientOutcome outcome)
        {
            if (outcome is ClientReceipt && ++_heard == answers)
            {
                stop.Cancel();
            }
        }

        public void RoundCommitted(RoundRecord record)
        {
        }
    }
}
