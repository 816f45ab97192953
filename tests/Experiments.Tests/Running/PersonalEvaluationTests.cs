using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Clients measured on their own held-out data, with the global adapter and with their own, in real runs.</summary>
public sealed class PersonalEvaluationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_AnyThreadsLanesOrInterruption_MeasuresTheSameAndChangesNothing()
    {
        RunResult without = await Run("without", null, "evaluation.personal=none", "evaluation.data=none");
        var measured = new HashSet<string>();
        foreach ((int threads, int lanes, bool interrupted) in ((int, int, bool)[])[(1, 1, false), (3, 2, false), (2, 4, true)])
        {
            string[] overrides = [$"training.threads={threads}", $"training.lanes={lanes}"];
            string name = $"{threads}-{lanes}";
            if (interrupted)
            {
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Run(name, new StopIn(round: 2), overrides));
            }

            RunResult run = await Run(name, null, overrides);
            Assert.Equal(without.AdapterHash, run.AdapterHash);
            measured.Add(string.Join('\n', run.Rounds.SelectMany(r => r.ClientEvaluation ?? []).Select(c => $"{c.Id} {c.Weight} {c.Global["loss"]:R} {c.Own!["loss"]:R}")));
        }

        Assert.Single(measured);
        Assert.All(without.Rounds, r => Assert.Null(r.ClientEvaluation));
    }

    [Theory]
    [InlineData("average")]
    [InlineData("ffa")]
    [InlineData("rolora")]
    [InlineData("fedex")]
    [InlineData("flora", DemoAssets.Ranks)]
    [InlineData("flexlora", DemoAssets.Ranks)]
    [InlineData("hetlora", DemoAssets.Ranks)]
    [InlineData("fedsa")]
    public async Task Run_Members_AreMeasuredWithWhatTheStoreHolds(string aggregation, string? further = null)
    {
        string[] overrides = [$"federation.lora_aggregation={aggregation}", "checkpoint.keep_updates=true", "checkpoint.keep=9", .. further is null ? Array.Empty<string>() : [further]];
        RunResult run = await Run("run", null, overrides);
        RoundRecord last = run.Rounds[^1];
        Assert.Equal(last.Clients.Select(c => c.Id), last.ClientEvaluation!.Select(c => c.Id));

        PreparedExperiment prepared = Prepare(overrides);
        var data = (SequenceData)prepared.Data;
        var left = new LeftBehind(run.Directory);
        GlobalState before = left.State(last.Round - 1);
        GlobalState after = left.State(last.Round);
        ILoraAggregation method = LoraAggregations.For(prepared.Experiment.Federation.LoraAggregation, prepared.Experiment.Lora, (ulong)prepared.Experiment.Seed);
        using var suite = new LossSuite(prepared.Weights, 2);
        foreach (ClientEvaluation client in last.ClientEvaluation!)
        {
            IReadOnlyList<TokenSequence> samples = data.Own!.Load(client.Id).Samples;
            LossResult global = Loss(run.Directory, samples);
            Assert.Equal((global.Loss, global.ScoredTokens), (client.Global["loss"], client.Weight));

            // Its own: what it began with, plus what it sent; of fedsa the shared A with the B that it keeps.
            int rank = prepared.Experiment.Lora.RankByClient.Where(r => r.Key == client.Id).Select(r => r.Value).SingleOrDefault(8);
            TensorSet own = aggregation == "fedsa"
                ? TensorParts.Overlay(after.Adapter, left.Store.Get(after.PrivateStates[client.Id][FedSaLora.PrivateB]))
                : LeftBehind.Plus(method.ForClient(before.Adapter, client.Id), left.Update(last.Round, client.Id));
            TensorSet? correction = aggregation == "fedsa" ? null : before.BaseCorrection;
            TensorSet joined = correction is null ? own : StackedCorrection.Join(own, 16.0 / rank, correction);
            int joinedRank = LoraNames.Pairs(joined.Layout)[0].Rank;
            LoraConfig config = prepared.Experiment.Lora.ToConfig() with { Rank = joinedRank, Alpha = correction is null ? 16 : joinedRank };
            Assert.Equal(suite.Evaluate(new LoraAdapter(prepared.Weights.Config, config, joined), samples).Loss, client.Own!["loss"], 1e-12);
        }

        PersonalSummary summary = Assert.Single(PersonalSummary.Of(last.ClientEvaluation));
        Assert.NotEqual(summary.Global.Mean, summary.Own!.Mean);

        LossResult Loss(string directory, IReadOnlyList<TokenSequence> samples)
        {
            var exported = Engine.Files.PeftAdapter.Load(Path.Combine(directory, "adapter"), prepared.Weights.Config);
            return suite.Evaluate(new LoraAdapter(prepared.Weights.Config, exported.Config, exported.Tensors), samples);
        }
    }

    [Fact]
    public async Task Run_FedSa_LearnsAsItsGlobalStateSays()
    {
        // The global state is the shared A with each client's own B: on the clients' own data and on common data.
        RunResult own = await Run("own", null, "federation.lora_aggregation=fedsa", "evaluation.data=none", "federation.rounds=4", "federation.clients_per_round=10");
        Assert.True(own.Rounds[^1].Evaluation!["loss"] < own.Rounds[0].Evaluation!["loss"] - 0.01, $"{own.Rounds[0].Evaluation!["loss"]} to {own.Rounds[^1].Evaluation!["loss"]}");
        RunResult common = await Run("common", null, "federation.lora_aggregation=fedsa", "evaluation.personal=none", "data.evaluation=none", "federation.rounds=3");
        Assert.True(common.Rounds[^1].Evaluation!["loss"] < common.Rounds[0].Evaluation!["loss"] - 0.01, $"{common.Rounds[0].Evaluation!["loss"]} to {common.Rounds[^1].Evaluation!["loss"]}");
    }

    [Fact]
    public async Task Run_All_MeasuresEveryClientAndTheOwnAdaptersThereAre()
    {
        RunResult run = await Run("all", null, "evaluation.personal=all", "evaluation.data=none");
        RoundRecord last = run.Rounds[^1];
        Assert.Equal(Enumerable.Range(0, 20), last.ClientEvaluation!.Select(c => c.Id));
        Assert.Equal(last.Clients.Select(c => c.Id), last.ClientEvaluation!.Where(c => c.Own is not null).Select(c => c.Id));
        Assert.Equal(20, run.Rounds[0].ClientEvaluation!.Count);

        // All clients' data together is what the global adapter is measured on: the weighted mean of the parts is the whole.
        Assert.Equal(last.Evaluation!["loss"], PersonalSummary.Of(last.ClientEvaluation)[0].Global.WeightedMean, 1e-9);
    }

    [Fact]
    public async Task Run_Centralized_MeasuresEveryClientWithTheOneAdapter()
    {
        RunResult run = await Run("pooled", null, "federation.algorithm=centralized", "evaluation.personal=all", "evaluation.data=none");
        Assert.Equal(20, run.Rounds[^1].ClientEvaluation!.Count);
        Assert.All(run.Rounds[^1].ClientEvaluation!, c => Assert.Null(c.Own));
    }

    [Fact]
    public async Task Run_Pairs_MeasuresAccuracyAndMarginOfEachClient()
    {
        using var pairs = new DemoPairs();
        PreparedExperiment prepared = PreparedExperiment.Prepare(pairs.Experiment("evaluation.personal=all"));
        RunResult run = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(pairs["run"], [], default);
        ClientEvaluation[] last = [.. run.Rounds[^1].ClientEvaluation!];
        Assert.Equal(4, last.Length);
        Assert.Equal(((PairData)prepared.Data).HeldOut!.Samples.Count, last.Sum(c => c.Weight));
        IReadOnlyList<PersonalSummary> summary = PersonalSummary.Of(last);
        foreach (string measure in (string[])["preference_accuracy", "preference_margin", "preference_accuracy_per_token", "preference_margin_per_token"])
        {
            Assert.Equal(run.Rounds[^1].Evaluation![measure], summary.Single(s => s.Measure == measure).Global.WeightedMean, 1e-9);
        }

        Assert.All(last.Where(c => c.Own is not null), c => Assert.NotEqual(c.Global["preference_margin"], c.Own!["preference_margin"]));
        Assert.Equal(3, last.Count(c => c.Own is not null));
    }

    [Fact]
    public async Task Run_FilesForEachClient_MeasuresWithoutTakingAnythingOutOfTraining()
    {
        string data = Path.Combine(SharedData.RepositoryRoot(), "demo", "data");
        string own = Directory.CreateDirectory(Path.Combine(_folder, "own")).FullName;
        foreach (string file in Directory.EnumerateFiles(data, "client_*.jsonl"))
        {
            string name = Path.GetFileNameWithoutExtension(file);
            File.WriteAllLines(Path.Combine(own, $"{name}_test.jsonl"), File.ReadLines(file).Take(3));
        }

        string[] files = [$"data.evaluation={Path.Combine(own, "*_test.jsonl")}", "evaluation.data=none"];
        PreparedExperiment prepared = Prepare(files);
        Assert.Equal(1910, prepared.Reports.Sum(r => r.Tally.Usable));
        Assert.All(prepared.Reports, r => Assert.Equal(3, r.HeldOut!.Usable));
        Assert.Equal(60, prepared.Data.HeldOutTally!.Usable);
        RunResult run = await Run("files", null, files);
        RunResult plain = await Run("plain", null, "data.evaluation=none", "evaluation.personal=none");
        Assert.Equal(plain.AdapterHash, run.AdapterHash);
        Assert.Equal(run.Rounds[^1].Clients.Select(c => c.Id), run.Rounds[^1].ClientEvaluation!.Select(c => c.Id));
    }

    private static PreparedExperiment Prepare(params string[] overrides) => PreparedExperiment.Prepare(DemoAssets.Experiment(
        ["federation.rounds=2", "federation.clients_per_round=4", "training.max_steps=3", "evaluation.every=2", "data.evaluation=0.1", "evaluation.personal=members", .. overrides]));

    private Task<RunResult> Run(string name, StopIn? stop, params string[] overrides) => new ExperimentRunner(Prepare(overrides), TimeProvider.System)
        .RunAsync(Path.Combine(_folder, name), stop is null ? [] : [stop], stop?.Token ?? default);
}
