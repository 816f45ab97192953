using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Training;

/// <summary>What is added to a lane's objective.</summary>
public sealed class LaneTermsTests
{
    private static readonly Workers OneThread = new(1);

    [Theory]
    [InlineData(GradientAccumulation.MicroBatchMean)]
    [InlineData(GradientAccumulation.TokenMean)]
    public void ProximalTerm_AwayFromTheStart_AddsMuTimesTheDistance(GradientAccumulation accumulation)
    {
        const double Mu = 0.5;
        (DecoderWeights weights, LoraConfig lora, TensorSet start, TokenSequence[][] batches) = Small();
        var pulled = SingleLane.Supervised(weights, lora, new AdamWSettings(), OneThread);
        pulled.Start(start, new LaneTerms { ProximalMu = Mu });
        var settings = new StepSettings(0.01, Accumulation: accumulation);

        // At the start the term is nothing.
        var free = SingleLane.Supervised(weights, lora, new AdamWSettings(), OneThread);
        free.Start(start);
        Assert.Equal(free.ComputeGradient(batches, settings), pulled.ComputeGradient(batches, settings));
        pulled.Step(batches, settings);

        // Where the step led, the same lane without the term tells what the term adds: once a step, however many micro-batches it has.
        TensorSet moved = pulled.Parameters.Clone();
        free.Start(moved);
        StepResult plain = free.ComputeGradient(batches, settings);
        StepResult withTerm = pulled.ComputeGradient(batches, settings);
        double squared = 0;
        for (int i = 0; i < moved.Values.Length; i++)
        {
            double distance = (double)moved.Values[i] - start.Values[i];
            squared += distance * distance;
            Assert.Equal(free.Gradient.Values[i] + (Mu * distance), pulled.Gradient.Values[i], 1e-7);
        }

        Assert.True(squared > 1e-3);
        Assert.Equal(plain.Loss + (Mu / 2 * squared), withTerm.Loss, 1e-9);
        Assert.NotEqual(plain.GradientNorm, withTerm.GradientNorm);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(double.NaN)]
    public void Start_MuOutOfRange_IsRefused(double mu)
    {
        (DecoderWeights weights, LoraConfig lora, TensorSet start, _) = Small();
        var lane = SingleLane.Supervised(weights, lora, new AdamWSettings(), OneThread);
        Assert.Throws<ArgumentOutOfRangeException>(() => lane.Start(start, new LaneTerms { ProximalMu = mu }));
    }

    private static (DecoderWeights Weights, LoraConfig Lora, TensorSet Start, TokenSequence[][] Batches) Small()
    {
        DecoderWeights weights = TinyModel.Random(TinyModel.Config(ModelFamily.Llama));
        var lora = new LoraConfig(4, 8, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Down });
        TensorSet start = LoraAdapter.Initialize(weights.Config, lora, 3).Parameters;
        var random = new CounterRandom(5, RandomPurpose.LoraInitialization);
        for (int i = 0; i < start.Values.Length; i++)
        {
            start.Values[i] += 0.1f * (random.Uniform((ulong)i) - 0.5f);
        }

        TokenSequence Sequence(int seed) => new(
            [.. Enumerable.Range(0, 9).Select(i => ((seed * 7) + (i * 5)) % weights.Config.VocabularySize)], [.. Enumerable.Range(0, 9).Select(i => i > 3)]);
        return (weights, lora, start, [[Sequence(1), Sequence(2)], [Sequence(3)]]);
    }
}
