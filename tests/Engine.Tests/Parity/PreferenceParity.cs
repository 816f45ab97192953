using System.Text.Json;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>
/// A learner's DPO against Hugging Face + PEFT + TRL, for every case under the fixtures root: losses within 1e-5 relative, log-probabilities and rewards within 1e-4,
/// each gradient within 1e-4 relative norm error, ten AdamW steps.
/// </summary>
public abstract class PreferenceParity
{
    private const double Beta = 0.1;

    /// <summary>Makes the learner that is measured.</summary>
    protected abstract ILearner Learner(DecoderWeights weights);

    public static TheoryData<string, string, string> Adapters() => ModelParity.Adapters();

    public static TheoryData<string, string> Trainings()
    {
        var data = new TheoryData<string, string>();
        foreach (string name in ModelCase.CaseNames())
        {
            data.Add(name, "qv");
            data.Add(name, "all");
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Dpo_LossRewardsAndGradients_MatchReference(string name, string targets, string start)
    {
        using ModelCase reference = ModelCase.Open(name);
        string prefix = $"{targets}.{start}.dpo";
        LoraAdapter adapter = reference.Adapter(targets, start);
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        ReferencedPair[] pairs = Reference(reference, session);
        AssertScores(reference, $"{prefix}.ref", [.. pairs.Select(p => (p.Chosen, p.Rejected))]);
        ILanguageModel policy = session.Model(adapter);
        (SequenceScore Chosen, SequenceScore Rejected)[] scores = policy.Score([.. pairs.Select(p => p.Pair)]);
        AssertScores(reference, $"{prefix}.policy", scores);

        var objective = new PreferenceObjective(PreferenceLossKind.Sigmoid, Beta);
        var trainer = SingleLane.Preferences(session, adapter.Config, objective);
        trainer.Start(adapter.Parameters);
        StepResult result = trainer.ComputeGradient([pairs], new StepSettings(0));
        Close.Relative(reference.Json.GetProperty($"{targets}.{start}.dpo_loss").GetDouble(), result.Loss, 1e-5);
        JsonElement metrics = reference.Json.GetProperty($"{targets}.{start}.dpo_metrics");
        Assert.Equal(metrics.GetProperty("rewards/chosen").GetDouble(), result.Preference!.Value.ChosenReward, 1e-5);
        Assert.Equal(metrics.GetProperty("rewards/rejected").GetDouble(), result.Preference!.Value.RejectedReward, 1e-5);
        Assert.Equal(metrics.GetProperty("rewards/margins").GetDouble(), result.Preference!.Value.Margin, 1e-5);

        // A tie, as the untrained adapter's, counts a half here and nothing in TRL.
        double accuracy = start == "init" ? 0.5 : metrics.GetProperty("rewards/accuracies").GetDouble();
        Assert.Equal(accuracy, result.Preference!.Value.Accuracy, 1e-6);
        TensorSet gradient = trainer.Gradient;
        foreach (TensorSlot slot in adapter.Parameters.Layout.Slots)
        {
            Close.Gradient(slot.Name, reference.Floats($"{prefix}_grad.{slot.Name}"), gradient[slot]);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Trainings))]
    public void Dpo_TenSteps_MatchReference(string name, string targets)
    {
        using ModelCase reference = ModelCase.Open(name);
        JsonElement expected = reference.Json.GetProperty($"{targets}.train.dpo");
        LoraAdapter adapter = reference.Adapter(targets, "init");
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        var objective = new PreferenceObjective(PreferenceLossKind.Sigmoid, expected.GetProperty("beta").GetDouble());
        var trainer = SingleLane.Preferences(session, adapter.Config, objective);
        trainer.Start(adapter.Parameters);
        ReferencedPair[] pairs = Reference(reference, session);
        double learningRate = expected.GetProperty("lr").GetDouble();
        double[] losses = [.. expected.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble())];
        double[] margins = [.. expected.GetProperty("reward_margins").EnumerateArray().Select(e => e.GetDouble())];
        var noise = new bool[adapter.Parameters.Values.Length];
        for (int step = 0; step < losses.Length; step++)
        {
            StepResult result = trainer.Step([pairs], new StepSettings(learningRate));
            Close.Relative(losses[step], result.Loss, 1e-5);
            Assert.Equal(margins[step], result.Preference!.Value.Margin, 1e-5);
            Close.MarkNoise(trainer.Gradient, noise);
        }

        TensorSet after = reference.Set($"{targets}.train.dpo.adapter.", adapter.Parameters.Layout);
        float[] trained = trainer.Parameters.Values;
        for (int i = 0; i < after.Values.Length; i++)
        {
            Assert.Equal(after.Values[i], trained[i], noise[i] ? (float)learningRate : 1e-4f);
        }

        Assert.InRange(noise.Count(n => n), 0, noise.Length / 200);
    }

    private static ReferencedPair[] Reference(ModelCase reference, ILearnerSession session)
    {
        PreferencePair[] pairs = reference.Pairs("dpo.batch.");
        (SequenceScore Chosen, SequenceScore Rejected)[] scores = session.Model(null).Score(pairs);
        return [.. pairs.Zip(scores, (pair, score) => new ReferencedPair(pair, score.Chosen, score.Rejected))];
    }

    private static void AssertScores(ModelCase reference, string prefix, (SequenceScore Chosen, SequenceScore Rejected)[] scores)
    {
        float[] chosen = reference.Floats($"{prefix}_chosen_logps");
        float[] rejected = reference.Floats($"{prefix}_rejected_logps");
        Assert.Equal(chosen.Length, scores.Length);
        for (int i = 0; i < scores.Length; i++)
        {
            Assert.Equal(chosen[i], scores[i].Chosen.LogProbability, 1e-4);
            Assert.Equal(rejected[i], scores[i].Rejected.LogProbability, 1e-4);
        }
    }
}
