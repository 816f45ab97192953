using System.Text.Json;
using FedLLM.Engine.Decoding;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>
/// A learner against Hugging Face + PEFT, for every case under the fixtures root: logits within 1e-4 absolute, losses within 1e-5 relative, each gradient within 1e-4
/// relative norm error, adapters after 20 AdamW steps within 1e-4 absolute, greedy continuations exact.
/// </summary>
public abstract class ModelParity
{
    /// <summary>Makes the learner that is measured.</summary>
    protected abstract ILearner Learner(DecoderWeights weights);

    public static TheoryData<string, string, string> Adapters()
    {
        var data = new TheoryData<string, string, string>();
        foreach (string name in ModelCase.CaseNames())
        {
            foreach (string targets in (string[])["qv", "all"])
            {
                foreach (string start in (string[])["init", "warm"])
                {
                    data.Add(name, targets, start);
                }
            }
        }

        return data;
    }

    public static TheoryData<string, string, string> Trainings()
    {
        var data = new TheoryData<string, string, string>();
        foreach (string name in ModelCase.CaseNames())
        {
            foreach (string targets in (string[])["qv", "all"])
            {
                foreach (string recipe in (string[])["plain", "clip1", "wd", "accum2"])
                {
                    data.Add(name, targets, recipe);
                }
            }
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void Logits_BaseModel_MatchReference(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        ILanguageModel model = session.Model(null);
        AssertLogits(reference, "base.logits", model.Logits(reference.Batch("sft.batch0.")));
    }

    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void TokenLogProbabilities_BaseModel_MatchReference(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        ILanguageModel model = session.Model(null);
        TokenSequence[] batch = reference.Batch("sft.batch0.");
        float[] sums = reference.Floats("base.response_logp_sum");
        long[] counts = reference.Integers("base.response_token_count");
        SequenceScore[] scores = model.Score(batch);
        for (int i = 0; i < batch.Length; i++)
        {
            Assert.Equal(counts[i], scores[i].Count);
            Close.Relative(sums[i], scores[i].LogProbability, 1e-5);
        }

        // base.token_logps is [B, S-1]: the log-probability of every next token, scored or not.
        float[] all = reference.Floats("base.token_logps");
        long[] mask = reference.Mask("sft.batch0.");
        int columns = mask.Length / batch.Length;
        TokenSequence[] everyToken = [.. batch.Select(s => s with { Scored = [false, .. Enumerable.Repeat(true, s.Tokens.Length - 1)] })];
        float[] ours = model.TokenLogProbabilities(everyToken);
        int next = 0;
        for (int row = 0; row < batch.Length; row++)
        {
            for (int column = 0; column + 1 < columns; column++)
            {
                if (mask[(row * columns) + column] == 1 && mask[(row * columns) + column + 1] == 1)
                {
                    Assert.Equal(all[(row * (columns - 1)) + column], ours[next++], 1e-4f);
                }
            }
        }

        Assert.Equal(ours.Length, next);
    }

    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void Greedy_BaseModel_MatchesReference(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        int[] prompt = Ints(reference.Json.GetProperty("base.greedy_prompt"));
        int[] expected = Ints(reference.Json.GetProperty("base.greedy_output"));
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        ILanguageModel model = session.Model(null);
        IReadOnlyList<int> generated = TextGeneration.Generate(
            model, prompt, new GenerationSettings(expected.Length - prompt.Length), []);
        Assert.Equal(expected.AsEnumerable(), [.. prompt, .. generated]);
    }

    [SkippableTheory]
    [MemberData(nameof(Adapters))]
    public void Adapter_LossLogitsAndGradients_MatchReference(string name, string targets, string start)
    {
        using ModelCase reference = ModelCase.Open(name);
        LoraAdapter adapter = reference.Adapter(targets, start);
        TokenSequence[] batch = reference.Batch("sft.batch0.");
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        ILanguageModel model = session.Model(adapter);
        AssertLogits(reference, $"{targets}.{start}.logits", model.Logits(batch));

        var trainer = SingleLane.Supervised(session, adapter.Config, new AdamWSettings());
        trainer.Start(adapter.Parameters);
        StepResult result = trainer.ComputeGradient([batch], new StepSettings(0));
        Close.Relative(reference.Json.GetProperty($"{targets}.{start}.sft_loss").GetDouble(), result.Loss, 1e-5);
        Close.Relative(reference.Json.GetProperty($"{targets}.{start}.sft_grad_norm").GetDouble(), result.GradientNorm, 1e-4);
        TensorSet gradient = trainer.Gradient;
        foreach (TensorSlot slot in adapter.Parameters.Layout.Slots)
        {
            float[] expected = reference.Floats($"{targets}.{start}.sft_grad.{slot.Name}");
            Close.Gradient(slot.Name, expected, gradient[slot]);
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Trainings))]
    public void Train_TwentySteps_MatchesReference(string name, string targets, string recipe)
    {
        using ModelCase reference = ModelCase.Open(name);
        Skip.IfNot(reference.Json.TryGetProperty($"{targets}.train.{recipe}", out JsonElement expected), $"{name} has no {recipe} training.");
        LoraAdapter adapter = reference.Adapter(targets, "init");
        double learningRate = expected.GetProperty("lr").GetDouble();
        double clip = expected.TryGetProperty("clip", out JsonElement c) ? c.GetDouble() : 0;
        double decay = expected.TryGetProperty("wd", out JsonElement w) ? w.GetDouble() : 0;
        int accumulation = expected.TryGetProperty("accum", out JsonElement a) ? a.GetInt32() : 1;
        using ILearner learner = Learner(reference.Weights);
        using ILearnerSession session = learner.Open(1);
        var trainer = SingleLane.Supervised(session, adapter.Config, new AdamWSettings(WeightDecay: decay));
        trainer.Start(adapter.Parameters);
        double[] losses = [.. expected.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble())];
        double[] norms = [.. expected.GetProperty("grad_norms").EnumerateArray().Select(e => e.GetDouble())];
        var noise = new bool[adapter.Parameters.Values.Length];
        for (int step = 0; step < losses.Length; step++)
        {
            TokenSequence[][] batches = [.. Enumerable.Range(0, accumulation).Select(m => reference.Batch($"sft.batch{((accumulation * step) + m) % 5}."))];
            StepResult result = trainer.Step(batches, new StepSettings(learningRate, clip));
            Close.Relative(losses[step], result.Loss, 1e-5);
            Close.Relative(norms[step], result.GradientNorm, 1e-3);
            Close.MarkNoise(trainer.Gradient, noise);
        }

        TensorSet after = reference.Set($"{targets}.train.{recipe}.adapter.", adapter.Parameters.Layout);
        float[] trained = trainer.Parameters.Values;
        for (int i = 0; i < after.Values.Length; i++)
        {
            Assert.Equal(after.Values[i], trained[i], noise[i] ? (float)learningRate : 1e-4f);
        }

        Assert.InRange(noise.Count(n => n), 0, noise.Length / 200);

        ILanguageModel model = session.Model(new LoraAdapter(reference.Weights.Config, adapter.Config, trainer.Parameters));
        int batchIndex = 0;
        foreach (JsonElement loss in expected.GetProperty("loss_after").EnumerateArray())
        {
            SequenceScore[] scores = model.Score(reference.Batch($"sft.batch{batchIndex++}."));
            Close.Relative(loss.GetDouble(), -scores.Sum(s => s.LogProbability) / scores.Sum(s => s.Count), 1e-5);
        }
    }

    private static void AssertLogits(ModelCase reference, string key, float[] ours)
    {
        float[] expected = reference.Floats(key);
        long[] mask = reference.Mask("sft.batch0.");
        int vocabulary = reference.Weights.Config.VocabularySize;
        int row = 0;
        for (int position = 0; position < mask.Length; position++)
        {
            if (mask[position] == 0)
            {
                continue;
            }

            for (int i = 0; i < vocabulary; i++)
            {
                Assert.Equal(expected[(position * vocabulary) + i], ours[(row * vocabulary) + i], 1e-4f);
            }

            row++;
        }

        Assert.Equal(ours.Length, row * vocabulary);
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(e => e.GetInt32())];
}
