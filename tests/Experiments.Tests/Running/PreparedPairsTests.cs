using FedLLM.Data.Samples;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>The shipped preference experiment, prepared on the real data, and its evaluator.</summary>
public sealed class PreparedPairsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [SkippableFact]
    public void Prepare_HhFedDpo_HasEveryPairOnceWithWhatWasTruncated()
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(Experiment());
        PairData data = Assert.IsType<PairData>(prepared.Data);
        Assert.Equal(5, prepared.Shards.Clients);
        SampleTally[] tallies = [.. prepared.Reports.Select(r => r.Tally), data.HeldOutTally!];
        Assert.Equal(2354, tallies.Sum(t => t.Records));
        Assert.Equal(4, tallies.Sum(t => t.Excluded.GetValueOrDefault(ExclusionReason.EmptyResponse)));
        Assert.Equal(2, tallies.Sum(t => t.Excluded.GetValueOrDefault(ExclusionReason.EqualAnswers)));
        Assert.Equal(2348, tallies.Sum(t => t.Usable));
        Assert.All(tallies, t => Assert.InRange(t.Truncated[Truncation.Prompt], t.Usable / 3, t.Usable * 2 / 3));
        Assert.InRange(data.HeldOut!.Samples.Count, 390, 550); // a fifth, ± 4 standard deviations
        Assert.Equal(prepared.Reports[2].Tally.Usable, data.Source.Load(2).Samples.Count);
        Assert.Null(prepared.ReferenceAdapter);
        Assert.Null(prepared.Inputs.Reference);
    }

    [SkippableFact]
    public void Prepare_ReferenceAdapter_IsLoadedAndPartOfTheIdentity()
    {
        Experiment experiment = Experiment($"dpo.reference={_folder}");
        DecoderWeights weights = ModelDirectory.Load(experiment.Model.Path);
        string Save(ulong seed, int rank = 8, bool rankStabilized = false)
        {
            LoraConfig lora = experiment.Lora.ToConfig() with { Rank = rank, RankStabilized = rankStabilized };
            PeftAdapter.Save(_folder, lora, LoraAdapter.Initialize(weights.Config, lora, seed).Parameters, null);
            PreparedExperiment prepared = PreparedExperiment.Prepare(experiment);
            Assert.NotNull(prepared.ReferenceAdapter);
            return prepared.Inputs.Reference!;
        }

        string first = Save(1);
        Assert.NotEqual(first, Save(2));
        Assert.Equal(first, Save(1));
        InputFileException refused = Assert.Throws<InputFileException>(() => Save(1, rank: 4));
        Assert.Contains("rank 4 where 8 is expected", refused.Message, StringComparison.Ordinal);
        Assert.Contains(_folder, refused.Message, StringComparison.Ordinal);

        // Equal shapes, another function: alpha / sqrt(8) is no alpha / 8.
        refused = Assert.Throws<InputFileException>(() => Save(1, rankStabilized: true));
        Assert.Contains("scaling 5.656", refused.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public async Task Evaluate_UntrainedAdapter_HasAnAccuracyOfOneHalf()
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(Experiment("data.evaluation=0.01"));
        LoraConfig lora = prepared.Experiment.Lora.ToConfig();
        using var suite = new PreferenceSuite(prepared.Weights, 2);
        var evaluator = new HeldOutEvaluator<PreferencePair>(
            new RewardMeasure(suite, 0.1), prepared.Weights.Config, new StateAdapter(lora, "base"), ((PairData)prepared.Data).HeldOut!.Samples);
        LoraAdapter adapter = LoraAdapter.Initialize(prepared.Weights.Config, lora, 1);
        var state = new GlobalState(0, adapter.Parameters, new Dictionary<string, TensorSet>(), 0);
        IReadOnlyDictionary<string, double> untrained = await evaluator.EvaluateAsync(state, default);
        Assert.Equal(
            [("preference_accuracy", 0.5), ("preference_margin", 0), ("preference_accuracy_per_token", 0.5), ("preference_margin_per_token", 0)],
            untrained.Select(v => (v.Key, v.Value)));
        adapter.Parameters.Values.AsSpan().Fill(0.02f);
        IReadOnlyDictionary<string, double> trained = await evaluator.EvaluateAsync(state, default);
        Assert.NotEqual(0, trained["preference_margin"]);
        Assert.NotEqual(trained["preference_margin"], trained["preference_margin_per_token"]);
    }

    [Fact]
    public void Prepare_InstructionsForTaskDpo_NamesTheRecord()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => PreparedExperiment.Prepare(DemoAssets.Experiment("task=dpo", "evaluation.suites=preference")));
        Assert.Contains("preference learning needs pairs", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_FractionHeldOut_LeavesTheOthersToTheClients()
    {
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment("data.evaluation=0.2", "evaluation.data=none"));
        int held = prepared.Data.HeldOutTally!.Usable;
        Assert.InRange(held, 300, 460); // a fifth of 1,910
        Assert.Equal(1910, held + prepared.Reports.Sum(r => r.Tally.Usable));
    }

    private static Experiment Experiment(params string[] overrides)
    {
        string model = SharedData.Require("models", "stories260K");
        string data = SharedData.Require("data", "hh-rlhf", "helpful-base.test.jsonl.gz");
        return ExperimentFile.Read(
            Path.Combine(SharedData.RepositoryRoot(), "configs", "hh-feddpo.yaml"), [$"model.path={model}", $"data.path={data}", .. overrides]);
    }
}
