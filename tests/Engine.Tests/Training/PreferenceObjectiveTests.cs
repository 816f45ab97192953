using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Training;

public sealed class PreferenceObjectiveTests
{
    private static readonly ModelConfig Config = TinyModel.Config(ModelFamily.Qwen2);
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);

    [Theory]
    [InlineData(0.7)]
    [InlineData(-11.0)]
    public void Loss_AtAGap_IsTheFormula(double h)
    {
        const double Beta = 0.1;
        double right = Math.Log(1 + Math.Exp(-Beta * h));
        double wrong = Math.Log(1 + Math.Exp(Beta * h));
        Assert.Equal(right, new PreferenceObjective(PreferenceLossKind.Sigmoid, Beta).Loss(h).Loss, 1e-12);
        Assert.Equal((0.8 * right) + (0.2 * wrong), new PreferenceObjective(PreferenceLossKind.Sigmoid, Beta, 0.2).Loss(h).Loss, 1e-12);
        Assert.Equal((h - 5) * (h - 5), new PreferenceObjective(PreferenceLossKind.Ipo, Beta).Loss(h).Loss, 1e-12); // 1/(2β) = 5
        Assert.Equal(1 - (Beta * h), new PreferenceObjective(PreferenceLossKind.Hinge, Beta).Loss(h).Loss, 1e-12);
        Assert.Equal(0, new PreferenceObjective(PreferenceLossKind.Hinge, Beta).Loss(10.5).Loss);
    }

    [Theory]
    [InlineData(PreferenceLossKind.Sigmoid, 0.0)]
    [InlineData(PreferenceLossKind.Sigmoid, 0.2)]
    [InlineData(PreferenceLossKind.Ipo, 0.0)]
    [InlineData(PreferenceLossKind.Hinge, 0.0)]
    public void Loss_Slope_IsItsDerivative(PreferenceLossKind kind, double smoothing)
    {
        var objective = new PreferenceObjective(kind, 0.3, smoothing);
        foreach (double h in (double[])[-900, -40, -3.1, -0.2, 0, 0.4, 2.9, 40, 900])
        {
            double slope = (objective.Loss(h + 1e-4).Loss - objective.Loss(h - 1e-4).Loss) / 2e-4;
            Assert.Equal(slope, objective.Loss(h).Slope, 1e-5);
        }
    }

    [Fact]
    public void Loss_FarRight_KeepsItsPrecision()
    {
        double loss = new PreferenceObjective(PreferenceLossKind.Sigmoid, 1).Loss(40).Loss;
        Assert.InRange(loss / Math.Exp(-40), 1 - 1e-14, 1 + 1e-14);
    }

    [Theory]
    [InlineData(PreferenceLossKind.Sigmoid, false)]
    [InlineData(PreferenceLossKind.Sigmoid, true)]
    [InlineData(PreferenceLossKind.Ipo, false)]
    [InlineData(PreferenceLossKind.Ipo, true)]
    [InlineData(PreferenceLossKind.Hinge, false)]
    public void Gradient_OfPairsWithSharedPrompts_AgreesWithFiniteDifferences(PreferenceLossKind kind, bool lengthNormalized)
    {
        using var workers = new Workers(2);
        LoraConfig lora = TinyModel.AllLinears();
        var objective = new PreferenceObjective(kind, 0.3, lengthNormalized: lengthNormalized);
        var trainer = SingleLane.Preferences(Weights, lora, objective, workers);
        trainer.Start(TinyModel.Adapter(Config, lora).Parameters);
        ReferencedPair[] pairs = [Pair(9, 4, 7, 1), Pair(1, 1, 1, 2), Pair(70, 3, 66, 3)];
        StepResult result = trainer.ComputeGradient([pairs], default);
        float[] gradient = [.. trainer.Gradient.Values];
        float[] start = [.. trainer.Parameters.Values];
        const double H = 1e-2;
        double At(double sign)
        {
            for (int i = 0; i < start.Length; i++)
            {
                trainer.Parameters.Values[i] = (float)(start[i] + (sign * H * gradient[i] / result.GradientNorm));
            }

            return trainer.ComputeGradient([pairs], default).Loss;
        }

        double slope = (At(1) - At(-1)) / (2 * H);
        Assert.InRange(slope / result.GradientNorm, 0.98, 1.02);
    }

    [Theory]
    [InlineData(30, 5, 9)]
    [InlineData(1, 4, 2)]
    [InlineData(64, 64, 1)]
    [InlineData(100, 1, 20)]
    public void SharedPrompt_LossAndGradient_EqualUnsharedWithinRounding(int prompt, int chosen, int rejected)
    {
        using var workers = new Workers(2);
        LoraConfig lora = TinyModel.AllLinears();
        TensorSet start = TinyModel.Adapter(Config, lora).Parameters;
        ReferencedPair[] pairs = [Pair(prompt, chosen, rejected, 5), Pair(prompt + 3, rejected, chosen, 6)];
        var objective = new PreferenceObjective(PreferenceLossKind.Sigmoid, 0.1);
        var shared = SingleLane.Preferences(Weights, lora, objective, workers);
        shared.Start(start);
        StepResult together = shared.ComputeGradient([pairs], default);
        var apart = new SingleLane<ReferencedPair>(Weights, lora, new AdamWSettings(), new Unshared(objective), workers);
        apart.Start(start);
        StepResult alone = apart.ComputeGradient([pairs], default);
        Assert.Equal(alone.Loss, together.Loss, 1e-6 * alone.Loss);
        Assert.Equal(alone.Preference!.Value.Margin, together.Preference!.Value.Margin, 1e-6);
        double difference = 0;
        for (int i = 0; i < start.Values.Length; i++)
        {
            difference += Math.Pow(apart.Gradient.Values[i] - shared.Gradient.Values[i], 2);
        }

        Assert.InRange(Math.Sqrt(difference) / alone.GradientNorm, 0, 1e-6);
    }

    [Fact]
    public void Score_SharedPrompt_HasTheBitsOfTheSequencesAlone()
    {
        // Forward, the rows of a shared prompt are the very rows, and a chain goes on from them: nothing is rounded differently.
        using var workers = new Workers(2);
        var model = new LanguageModel(Weights, TinyModel.Adapter(Config, TinyModel.AllLinears()), workers);
        PreferencePair[] pairs = [Pair(30, 5, 9, 5).Pair, Pair(1, 4, 2, 6).Pair, Pair(70, 1, 66, 7).Pair];
        (SequenceScore Chosen, SequenceScore Rejected)[] shared = model.Score(pairs);
        for (int i = 0; i < pairs.Length; i++)
        {
            SequenceScore[] alone = model.Score([pairs[i].Chosen, pairs[i].Rejected]);
            Assert.Equal(alone[0], shared[i].Chosen);
            Assert.Equal(alone[1], shared[i].Rejected);
        }
    }

    [Fact]
    public void Untrained_AgainstItself_IsATieAtLogTwo()
    {
        using var workers = new Workers(1);
        LoraConfig lora = TinyModel.AllLinears();
        var trainer = SingleLane.Preferences(Weights, lora, new PreferenceObjective(PreferenceLossKind.Sigmoid, 0.1), workers);
        trainer.Start(LoraAdapter.Initialize(Config, lora, 1).Parameters);
        StepResult result = trainer.ComputeGradient([[Pair(9, 4, 7, 1), Pair(3, 2, 2, 2)]], default);
        Assert.Equal(Math.Log(2), result.Loss, 1e-12);
        Assert.Equal(0.5, result.Preference!.Value.Accuracy);
        Assert.Equal(0, result.Preference!.Value.Margin);
    }

    [Theory]
    [InlineData(PreferenceLossKind.Sigmoid, 0.0, 0.0)]
    [InlineData(PreferenceLossKind.Sigmoid, -1.0, 0.0)]
    [InlineData(PreferenceLossKind.Sigmoid, 0.1, 0.5)]
    [InlineData(PreferenceLossKind.Hinge, 0.1, 0.1)]
    public void Constructor_ImpossibleSettings_Throws(PreferenceLossKind kind, double beta, double smoothing)
        => Assert.Throws<ArgumentOutOfRangeException>(() => new PreferenceObjective(kind, beta, smoothing));

    private static ReferencedPair Pair(int prompt, int chosen, int rejected, ulong seed) => RandomPairs.Referenced(Weights, prompt, chosen, rejected, seed);

    /// <summary>The same objective with both sequences of a pair run whole.</summary>
    private sealed class Unshared(PreferenceObjective objective) : IObjective<ReferencedPair>
    {
        public void Pack(PackedBatch batch, ReferencedPair sample)
        {
            batch.Add(sample.Pair.Chosen);
            batch.Add(sample.Pair.Rejected);
        }

        public int Terms(ReferencedPair sample) => objective.Terms(sample);

        public int Tokens(ReferencedPair sample) => objective.Tokens(sample);

        public ObjectiveSum Evaluate(ReadOnlySpan<ReferencedPair> samples, ReadOnlySpan<float> logProbabilities, double weight, Span<float> slopes)
            => objective.Evaluate(samples, logProbabilities, weight, slopes);
    }
}
