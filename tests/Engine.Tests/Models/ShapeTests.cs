using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Models;

/// <summary>
/// Models of uncommon shape, end to end: heads whose concatenation is narrower or wider than the residual stream, one key-value head, one head, scaled rotary
/// embeddings, adapters whose rank and scaling differ by module. Forward against the scalar twin, the training gradient against finite differences.
/// </summary>
public sealed class ShapeTests
{
    private static readonly Workers Two = new(2);

    public static TheoryData<string> Shapes => [.. All.Keys];

    private static readonly RopeScaling Linear = new(RopeScalingKind.Linear, 3);

    // Wavelengths of a head of 6 are 6.3, 135 and 2916 tokens: one kept (below 64), one interpolated, one divided (above 256).
    private static readonly RopeScaling Llama3 = new(RopeScalingKind.Llama3, 8) { LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalMaxPositions = 256 };

    private static readonly Dictionary<string, ModelConfig> All = new()
    {
        ["wide heads, one kv head"] = TinyModel.Config(heads: 4, groups: 1, headSize: 10), // H·d = 40 over D = 20
        ["narrow heads, linear"] = TinyModel.Config(heads: 2, groups: 2, headSize: 4) with { RopeScaling = Linear }, // H·d = 8
        ["one head, llama3"] = TinyModel.Config(heads: 1, groups: 1, headSize: 6) with { RopeScaling = Llama3 },
        ["qwen2, one kv head, llama3"] = TinyModel.Config(ModelFamily.Qwen2, tied: false, heads: 5, groups: 1, headSize: 6) with { RopeScaling = Llama3 },
        ["heads of two"] = TinyModel.Config(heads: 3, groups: 3, headSize: 2) with { RopeScaling = Linear },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Logits_OfBaseAndAdapter_MatchTheScalarTwin(string shape)
    {
        ModelConfig config = All[shape];
        DecoderWeights weights = TinyModel.Random(config);
        foreach (LoraAdapter? adapter in new[] { null, TinyModel.Adapter(config, Lora) })
        {
            TokenSequence[] batch = [TinyModel.Sequence(config, 70, 1), TinyModel.Sequence(config, 1, 2), TinyModel.Sequence(config, 17, 3)];
            float[] logits = new LanguageModel(weights, adapter, Two).Logits(batch);
            double[] expected = [.. batch.SelectMany(s => new ScalarDecoder(weights, adapter).Logits(s.Tokens)).SelectMany(row => row)];
            Assert.Equal(expected.Length, logits.Length);
            Assert.All(expected.Zip(logits), pair => Assert.Equal(pair.First, pair.Second, 1e-4));
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Gradient_OfEveryFactor_AgreesWithFiniteDifferences(string shape)
    {
        ModelConfig config = All[shape];
        LoraAdapter adapter = TinyModel.Adapter(config, Lora);
        var trainer = SingleLane.Supervised(TinyModel.Random(config), Lora, new AdamWSettings(), Two);
        trainer.Start(adapter.Parameters);
        TokenSequence[][] batches = [[TinyModel.Sequence(config, 13, 1), TinyModel.Sequence(config, 2, 3)]];
        trainer.ComputeGradient(batches, new StepSettings(0));
        TensorSet gradient = trainer.Gradient.Clone();
        foreach (TensorSlot slot in gradient.Layout.Slots)
        {
            float[] window = trainer.Parameters[slot].ToArray();
            GradientTests.AssertDirectional(
                window,
                gradient[slot].ToArray(),
                () =>
                {
                    window.CopyTo(trainer.Parameters.Values, slot.Offset);
                    return trainer.ComputeGradient(batches, new StepSettings(0)).Loss;
                },
                slot.Name);
            window.CopyTo(trainer.Parameters.Values, slot.Offset);
        }
    }

    [Fact]
    public void Frequencies_Scaled_MatchTheFormula()
    {
        foreach (ModelConfig config in All.Values.Append(LargeLlama()))
        {
            double[] expected = ScalarDecoder.Frequencies(config);
            float[] actual = new Decoder(TinyModel.Random(config with { HiddenSize = 4, IntermediateSize = 4, Layers = 1, Heads = 1, KeyValueHeads = 1 }), Two).Rotary.Frequencies.ToArray();
            Assert.Equal(expected.Length, actual.Length);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, 3e-7 * pair.First));
        }

        Assert.Equal(3, ScalarDecoder.Frequencies(All["one head, llama3"]).Zip(ScalarDecoder.Frequencies(TinyModel.Config()), (s, p) => Math.Round(s / p, 6)).Distinct().Count());
    }

    [Fact]
    public void Scale_Llama3_IsContinuousAndOnlyEverSlows()
    {
        var random = new CounterRandom(4, RandomPurpose.DataGeneration);
        for (ulong i = 0; i < 2000; i++)
        {
            double frequency = Math.Exp(-10 * random.UniformDouble(i));
            double scaled = Llama3.Scale(frequency);
            Assert.InRange(scaled, (frequency / Llama3.Factor) * (1 - 1e-12), frequency * (1 + 1e-12));
            Assert.Equal(scaled, Llama3.Scale(frequency * (1 + 1e-9)), scaled * 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void SavedModel_OfThisShape_IsReadBack(string shape)
    {
        using var folder = new Files.TemporaryFolder();
        DecoderWeights weights = TinyModel.Random(All[shape]);
        ModelDirectory.Save(folder.Path, weights);
        DecoderWeights loaded = ModelDirectory.Load(folder.Path);
        Files.ModelDirectoryTests.AssertSameConfig(weights.Config, loaded.Config);
        Assert.Equal(Files.SmallModel.Flatten(weights), Files.SmallModel.Flatten(loaded));
    }

    private static LoraConfig Lora => TinyModel.AllLinears() with
    {
        RankPattern = new ModulePatterns<int>("rank_pattern", [KeyValuePair.Create("0.self_attn.[kv]_proj", 1), KeyValuePair.Create("down_proj", 5)]),
        AlphaPattern = new ModulePatterns<double>("alpha_pattern", [KeyValuePair.Create("o_proj", 2.5)]),
        RankStabilized = true,
    };

    // Llama 3.1's values.
    private static ModelConfig LargeLlama() => TinyModel.Config(headSize: 128) with
    {
        RopeTheta = 500000,
        RopeScaling = new RopeScaling(RopeScalingKind.Llama3, 8) { LowFrequencyFactor = 1, HighFrequencyFactor = 4, OriginalMaxPositions = 8192 },
    };
}
