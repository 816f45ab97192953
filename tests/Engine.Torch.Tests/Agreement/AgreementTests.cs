using FedLLM.Engine.Decoding;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Tests.Training;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Torch.Tests.Agreement;

/// <summary>The Torch engine against the CPU engine on small random models, where the fixtures do not reach: losses within 1e-5 relative, factors after three steps within 1e-4.</summary>
public sealed class AgreementTests
{
    private const int Steps = 3;
    private const double LearningRate = 1e-2;

    public static TheoryData<string> Cases() => [.. Variants.Keys];

    // What a lane, a step or a model may be besides the plain case.
    private static readonly Dictionary<string, Variant> Variants = new()
    {
        ["plain"] = new(),
        ["qwen2"] = new() { Model = TinyModel.Config(ModelFamily.Qwen2, tied: false) },
        ["one-head-each"] = new() { Model = TinyModel.Config(heads: 3, groups: 3) },
        ["rope-llama3"] = new() { Model = TinyModel.Config() with { RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 8) { OriginalMaxPositions = 32 } } },
        ["upper-layer-only"] = new() { Lora = TinyModel.AllLinears() with { Targets = LoraTargets.Matching("model\\.layers\\.1\\.mlp\\.up_proj") } },
        ["rslora"] = new() { Lora = TinyModel.AllLinears() with { RankStabilized = true } },
        ["sgd-momentum-decay"] = new() { Optimizer = new SgdSettings(0.9, 0.01) },
        ["adamw-decay-clip"] = new() { Optimizer = new AdamWSettings(WeightDecay: 0.1), MaxGradNorm = 0.05 },
        ["token-mean"] = new() { Accumulation = GradientAccumulation.TokenMean },
        ["proximal"] = new() { Terms = new LaneTerms { ProximalMu = 0.5 } },
        ["only-b"] = new() { Terms = new LaneTerms { Trained = LoraHalves.B }, Optimizer = new AdamWSettings(WeightDecay: 0.1) },
        ["only-a"] = new() { Terms = new LaneTerms { Trained = LoraHalves.A } },
        ["checkpointing"] = new() { Checkpointing = true },
    };

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Step_Sequences_AgreesWithTheCpuEngine(string name)
    {
        Variant v = Variants[name];
        TokenSequence[][][] steps = [.. Enumerable.Range(0, Steps).Select(s => new[] { Batch(v.Model, s, 3), Batch(v.Model, 10 + s, 2) })];
        AssertAgree(v, new NextTokenObjective(), _ => steps);
    }

    [SkippableTheory]
    [InlineData(PreferenceLossKind.Sigmoid, 0.1, false)]
    [InlineData(PreferenceLossKind.Sigmoid, 0.0, true)]
    [InlineData(PreferenceLossKind.Ipo, 0.0, false)]
    [InlineData(PreferenceLossKind.Ipo, 0.0, true)]
    [InlineData(PreferenceLossKind.Hinge, 0.0, false)]
    public void Step_Pairs_AgreesWithTheCpuEngine(PreferenceLossKind kind, double smoothing, bool lengthNormalized)
    {
        var v = new Variant();
        AssertAgree(v, new PreferenceObjective(kind, 0.2, smoothing, lengthNormalized), weights =>
        [
            .. Enumerable.Range(0, Steps).Select(s => new[]
            {
                Enumerable.Range(0, 3).Select(i => RandomPairs.Referenced(weights, 1 + (5 * i), 4 + i, 9 - i, (ulong)((10 * s) + i))).ToArray(),
            }),
        ]);
    }

    [SkippableFact]
    public void Generate_SeveralPrompts_GivesTheCpuEnginesTokens()
    {
        using var torch = new TorchLearner(TinyModel.Random(TinyModel.Config()), NativeLibraryOfTorch.Require());
        using var cpu = new CpuLearner(TinyModel.Random(TinyModel.Config()));
        int[][] prompts = [[3, 4, 5], [7], [9, 8, 7, 6, 5, 4, 3], [11, 12]];
        var settings = new GenerationSettings(70) { BatchSize = 3 };
        Assert.Equal(Generate(cpu, prompts, settings), Generate(torch, prompts, settings));
    }

    [SkippableFact]
    public void Corrected_ScoresAsTheCpuEngine_AndLeavesTheOriginal()
    {
        ModelConfig config = TinyModel.Config();
        DecoderWeights weights = TinyModel.Random(config);
        using var torch = new TorchLearner(weights, NativeLibraryOfTorch.Require());
        using var cpu = new CpuLearner(weights);
        TensorSet correction = TinyModel.Adapter(config, TinyModel.AllLinears()).Parameters;
        TokenSequence[] batch = Batch(config, 1, 3);
        double before = Score(torch, batch);
        using (ILearner corrected = torch.Corrected(correction, 1))
        {
            using ILearner expected = cpu.Corrected(correction, 1);
            Assert.NotEqual(before, Score(corrected, batch), 1e-3);
            Assert.Equal(Score(expected, batch), Score(corrected, batch), 1e-3);
        }

        Assert.Equal(before, Score(torch, batch), 1e-9);
    }

    private static double Score(ILearner learner, TokenSequence[] batch)
    {
        using ILearnerSession session = learner.Open(1);
        return session.Model(null).Score(batch).Sum(s => s.LogProbability);
    }

    private static int[][] Generate(ILearner learner, int[][] prompts, GenerationSettings settings)
    {
        using ILearnerSession session = learner.Open(1);
        return [.. TextGeneration.Generate(session.Model(null), prompts, settings, []).Select(g => g.ToArray())];
    }

    private static TokenSequence[] Batch(ModelConfig config, int seed, int count) =>
        [.. Enumerable.Range(0, count).Select(i => TinyModel.Sequence(config, 5 + (7 * i) + (seed % 4), (ulong)((100 * seed) + i)))];

    private static void AssertAgree<TSample>(Variant v, IObjective<TSample> objective, Func<DecoderWeights, TSample[][][]> data)
    {
        TorchDevice device = NativeLibraryOfTorch.Require();
        DecoderWeights weights = TinyModel.Random(v.Model);
        TSample[][][] steps = data(weights);
        using var torch = new TorchLearner(weights, device);
        (StepResult[] expected, float[] parameters) = Train(new CpuLearner(weights), v, objective, steps);
        (StepResult[] ours, float[] trained) = Train(torch, v, objective, steps);
        for (int step = 0; step < Steps; step++)
        {
            Assert.Equal(1, ours[step].Loss / expected[step].Loss, 1e-5);
            Assert.Equal(1, ours[step].GradientNorm / expected[step].GradientNorm, 1e-3);
            Assert.Equal((expected[step].Tokens, expected[step].ScoredTokens), (ours[step].Tokens, ours[step].ScoredTokens));
            Assert.Equal(expected[step].Preference?.Margin ?? 0, ours[step].Preference?.Margin ?? 0, 1e-4);
            Assert.Equal(expected[step].Preference?.Accuracy, ours[step].Preference?.Accuracy);
        }

        // An element whose gradient is rounding noise may go the other way in each of Adam's first steps: such elements are rare.
        int far = 0;
        for (int i = 0; i < parameters.Length; i++)
        {
            Assert.Equal(parameters[i], trained[i], 2 * Steps * LearningRate);
            far += Math.Abs(parameters[i] - trained[i]) > 1e-4 ? 1 : 0;
        }

        Assert.InRange(far, 0, parameters.Length / 200);
    }

    private static (StepResult[] Results, float[] Parameters) Train<TSample>(ILearner learner, Variant v, IObjective<TSample> objective, TSample[][][] steps)
    {
        using ILearnerSession session = learner.Open(1);
        var lane = new SingleLane<TSample>(session, v.Lora, v.Optimizer, objective, v.Checkpointing);
        lane.Start(TinyModel.Adapter(v.Model, v.Lora).Parameters, v.Terms);
        StepResult[] results = [.. steps.Select((batches, s) => lane.Step(batches, new StepSettings(LearningRate, v.MaxGradNorm, Step: s, Accumulation: v.Accumulation)))];
        return (results, lane.Parameters.Values);
    }

    private sealed record Variant
    {
        public ModelConfig Model { get; init; } = TinyModel.Config();

        public LoraConfig Lora { get; init; } = TinyModel.AllLinears();

        public OptimizerSettings Optimizer { get; init; } = new AdamWSettings();

        public LaneTerms Terms { get; init; } = LaneTerms.None;

        public GradientAccumulation Accumulation { get; init; }

        public double MaxGradNorm { get; init; }

        public bool Checkpointing { get; init; }
    }
}
