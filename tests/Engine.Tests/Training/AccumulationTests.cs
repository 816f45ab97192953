using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Training;

/// <summary>What micro-batches of unequal size add up to, and what a step leaves on the heap.</summary>
public sealed class AccumulationTests
{
    private static readonly ModelConfig Config = TinyModel.Config();
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);
    private static readonly LoraConfig Lora = TinyModel.AllLinears();

    // 1, 8 and 29 scored tokens.
    private static readonly TokenSequence[] Unequal =
        [TinyModel.Sequence(Config, 2, 1, 1), TinyModel.Sequence(Config, 9, 2, 1), TinyModel.Sequence(Config, 30, 3, 1)];

    [Fact]
    public void TokenMean_UnequalMicroBatches_EqualsTheLargeBatch()
    {
        (StepResult large, TensorSet expected) = Gradient([Unequal], GradientAccumulation.TokenMean);
        (StepResult split, TensorSet actual) = Gradient([[Unequal[0]], [Unequal[1], Unequal[2]]], GradientAccumulation.TokenMean);
        Assert.Equal(38, large.ScoredTokens);
        Assert.Equal(large.ScoredTokens, split.ScoredTokens);
        Assert.Equal(large.Loss, split.Loss, 1e-7);
        Assert.InRange(Distance(expected, actual) / large.GradientNorm, 0, 1e-6);
    }

    [Fact]
    public void MicroBatchMean_UnequalMicroBatches_IsTheMeanOfTheirMeans()
    {
        double[] means = [.. Unequal.Select(s => Gradient([[s]], GradientAccumulation.MicroBatchMean).Result.Loss)];
        (StepResult split, TensorSet actual) = Gradient([[Unequal[0]], [Unequal[1]], [Unequal[2]]], GradientAccumulation.MicroBatchMean);
        Assert.Equal(means.Average(), split.Loss, 1e-7);

        // One scored token weighs as much as 29: far from the large batch.
        (StepResult large, TensorSet together) = Gradient([Unequal], GradientAccumulation.TokenMean);
        Assert.True(Math.Abs(split.Loss - large.Loss) > 1e-2);
        Assert.True(Distance(actual, together) > 0.1 * large.GradientNorm);
    }

    [Fact]
    public void Step_SteadyState_AllocatesNothing()
    {
        using var workers = new Workers(2);
        var trainer = new LoraTrainer<TokenSequence>(Weights, new NextTokenObjective(), workers);
        var lane = new TrainingLane(Config, Lora with { Dropout = 0.1 }, new AdamWSettings());
        LaneStep<TokenSequence>[] steps = [new(lane, [Unequal], new StepSettings(1e-3, 1)), new(new TrainingLane(Config, Lora, new SgdSettings(0.9)), [Unequal], new StepSettings(1e-3))];
        var results = new StepResult[2];
        for (int i = 0; i < 3; i++)
        {
            trainer.Step(steps, results);
        }

        Allocations.WaitOnce();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            trainer.Step(steps, results);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void TokenMean_UnequalNumbersOfPairs_EqualsTheLargeBatch()
    {
        ReferencedPair[] pairs = [RandomPairs.Referenced(Weights, 5, 1, 7, 1), RandomPairs.Referenced(Weights, 3, 4, 4, 2), RandomPairs.Referenced(Weights, 9, 12, 2, 3)];
        (StepResult large, TensorSet expected) = PairGradient([pairs], GradientAccumulation.TokenMean);
        (StepResult split, TensorSet actual) = PairGradient([[pairs[0]], [pairs[1], pairs[2]]], GradientAccumulation.TokenMean);
        (_, TensorSet means) = PairGradient([[pairs[0]], [pairs[1], pairs[2]]], GradientAccumulation.MicroBatchMean);
        Assert.Equal(large.Loss, split.Loss, 1e-7);
        Assert.InRange(Distance(expected, actual) / large.GradientNorm, 0, 1e-6);
        Assert.True(Distance(expected, means) > 0.05 * large.GradientNorm);
    }

    [Fact]
    public void Step_SteadyStateOfPairs_AllocatesNothing()
    {
        using var workers = new Workers(2);
        var trainer = new LoraTrainer<ReferencedPair>(Weights, new PreferenceObjective(PreferenceLossKind.Sigmoid, 0.1), workers, checkpointing: true);
        ReferencedPair[] pairs = [RandomPairs.Referenced(Weights, 5, 1, 7, 1), RandomPairs.Referenced(Weights, 30, 14, 4, 2)];
        LaneStep<ReferencedPair>[] steps = [new(new TrainingLane(Config, Lora, new AdamWSettings()), [pairs], new StepSettings(1e-3, 1))];
        var results = new StepResult[1];
        for (int i = 0; i < 3; i++)
        {
            trainer.Step(steps, results);
        }

        Allocations.WaitOnce();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
        {
            trainer.Step(steps, results);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static (StepResult Result, TensorSet Gradient) PairGradient(ReferencedPair[][] microBatches, GradientAccumulation accumulation)
    {
        using var workers = new Workers(1);
        var trainer = SingleLane.Preferences(Weights, Lora, new PreferenceObjective(PreferenceLossKind.Sigmoid, 0.5), workers);
        trainer.Start(TinyModel.Adapter(Config, Lora).Parameters);
        StepResult result = trainer.ComputeGradient(microBatches, new StepSettings(0, Accumulation: accumulation));
        return (result, trainer.Gradient.Clone());
    }

    private static (StepResult Result, TensorSet Gradient) Gradient(TokenSequence[][] microBatches, GradientAccumulation accumulation)
    {
        using var workers = new Workers(1);
        var trainer = SingleLane.Supervised(Weights, Lora, new AdamWSettings(), workers);
        trainer.Start(TinyModel.Adapter(Config, Lora).Parameters);
        StepResult result = trainer.ComputeGradient(microBatches, new StepSettings(0, Accumulation: accumulation));
        return (result, trainer.Gradient.Clone());
    }

    private static double Distance(TensorSet a, TensorSet b)
        => Math.Sqrt(a.Values.Zip(b.Values, (x, y) => Math.Pow(x - y, 2)).Sum());
}
