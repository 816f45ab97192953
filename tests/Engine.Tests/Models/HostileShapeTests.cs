using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Training;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Models;

/// <summary>
/// Batches at the edge of what there is: one token, an answer of one token, samples that all end at the model's last position. The gradient of all factors
/// together against finite differences, and the same bits on any threads and with checkpointing.
/// </summary>
public sealed class HostileShapeTests
{
    // One layer, one head of two, hidden 3, MLP 1, two tokens.
    private static readonly ModelConfig Smallest = TinyModel.Config(heads: 1, groups: 1, headSize: 2) with { HiddenSize = 3, IntermediateSize = 1, VocabularySize = 2, Layers = 1 };
    private static readonly ModelConfig[] Configs = [TinyModel.Config(ModelFamily.Qwen2), Smallest];

    public static TheoryData<int, int[], bool> Sequences()
    {
        var data = new TheoryData<int, int[], bool>();
        for (int config = 0; config < Configs.Length; config++)
        {
            foreach (int[] lengths in (int[][])[[2], [1, 2], [1, 1, 1, 3], [128, 128, 128], [128, 1, 127]])
            {
                foreach (bool lastOnly in (bool[])[false, true])
                {
                    data.Add(config, lengths, lastOnly);
                }
            }
        }

        return data;
    }

    public static TheoryData<int, int, int, int> Pairs()
    {
        var data = new TheoryData<int, int, int, int>();
        for (int config = 0; config < Configs.Length; config++)
        {
            foreach ((int prompt, int chosen, int rejected) in ((int, int, int)[])[(1, 1, 1), (127, 1, 1), (1, 127, 1), (1, 1, 127), (64, 64, 64)])
            {
                data.Add(config, prompt, chosen, rejected);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Sequences))]
    public void Sequences_AtTheEdge_TrainRightly(int config, int[] lengths, bool lastTokenOnly)
    {
        TokenSequence[] batch = [.. lengths.Select((length, i) => TinyModel.Sequence(Configs[config], length, (ulong)i))];
        if (lastTokenOnly)
        {
            batch = [.. batch.Select(s => s with { Scored = [.. s.Tokens.Select((_, i) => i > 0 && i == s.Tokens.Length - 1)] })];
        }

        AssertTrains(Configs[config], new NextTokenObjective(), batch);
    }

    [Theory]
    [MemberData(nameof(Pairs))]
    public void Pairs_AtTheEdge_TrainRightly(int config, int prompt, int chosen, int rejected)
    {
        DecoderWeights weights = TinyModel.Random(Configs[config]);
        var objective = new PreferenceObjective(PreferenceLossKind.Sigmoid, 0.5);
        ulong[] seeds = [.. Enumerable.Range(1, 100).Select(s => (ulong)s).Where(s => Differ(RandomPairs.Pair(weights.Config, prompt, chosen, rejected, s))).Take(2)];
        AssertTrains(Configs[config], objective, [.. seeds.Select(s => RandomPairs.Referenced(weights, prompt, chosen, rejected, s))]);
    }

    // Equal answers have no gradient; with two tokens in the vocabulary they are frequent.
    private static bool Differ(PreferencePair pair) => !pair.Chosen.Tokens.AsSpan().SequenceEqual(pair.Rejected.Tokens);

    private static void AssertTrains<TSample>(ModelConfig config, IObjective<TSample> objective, TSample[] batch)
    {
        DecoderWeights weights = TinyModel.Random(config);
        LoraConfig lora = TinyModel.AllLinears();
        TensorSet start = TinyModel.Adapter(config, lora).Parameters;
        using var one = new Workers(1);
        using var three = new Workers(3);
        var trainer = new SingleLane<TSample>(weights, lora, new AdamWSettings(), objective, one);
        trainer.Start(start);
        StepResult result = trainer.ComputeGradient([batch], default);
        float[] gradient = [.. trainer.Gradient.Values];
        Assert.All(gradient, v => Assert.True(float.IsFinite(v)));
        GradientTests.AssertDirectional(trainer.Parameters.Values, gradient, () => trainer.ComputeGradient([batch], default).Loss, "all factors");

        var other = new SingleLane<TSample>(weights, lora, new AdamWSettings(), objective, three, checkpointing: true);
        other.Start(start);
        Assert.Equal(result, other.ComputeGradient([batch], default));
        Assert.Equal(gradient.AsEnumerable(), other.Gradient.Values);
    }
}
