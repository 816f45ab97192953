using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Parity;
using FedLLM.Engine.Training;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Torch.Tests.Parity;

/// <summary>
/// With bfloat16 weights the Torch engine computes in bfloat16, as Hugging Face does: its logits are as far from float32's as theirs are (in the mean square, and 0.27
/// at most), the loss within 0.007.
/// </summary>
public sealed class BFloat16Tests
{
    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void Logits_BFloat16_AreWithinTheReferencesOwnRounding(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        TorchDevice device = NativeLibraryOfTorch.Require();
        DecoderWeights weights = ModelDirectory.Load(Path.Combine(SharedData.FixturesRoot!, name, "model"), WeightStorage.BFloat16);
        using var learner = new TorchLearner(weights, device);
        using ILearnerSession session = learner.Open(1);
        TokenSequence[] batch = reference.Batch("sft.batch0.");
        float[] ours = session.Model(null).Logits(batch);
        float[] single = reference.Floats("base.logits");
        float[] half = reference.Floats("base.logits_bf16");
        long[] mask = reference.Mask("sft.batch0.");
        int vocabulary = weights.Config.VocabularySize;
        int row = 0;
        (double theirs, double difference, double most) = (0, 0, 0);
        for (int position = 0; position < mask.Length; position++)
        {
            if (mask[position] == 0)
            {
                continue;
            }

            for (int i = 0; i < vocabulary; i++)
            {
                float exact = single[(position * vocabulary) + i];
                double own = ours[(row * vocabulary) + i] - exact;
                theirs += Math.Pow(half[(position * vocabulary) + i] - exact, 2);
                difference += own * own;
                most = Math.Max(most, Math.Abs(own));
            }

            row++;
        }

        Assert.InRange(most, 1e-3, 0.27);
        Assert.InRange(difference, 0.1 * theirs, 1.2 * theirs);
    }

    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void Step_BFloat16Base_LossIsWithinTheReferencesOwnRounding_AndSmallStepsMove(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        TorchDevice device = NativeLibraryOfTorch.Require();
        DecoderWeights weights = ModelDirectory.Load(Path.Combine(SharedData.FixturesRoot!, name, "model"), WeightStorage.BFloat16);
        using var learner = new TorchLearner(weights, device);
        using ILearnerSession session = learner.Open(1);
        LoraAdapter adapter = reference.Adapter("all", "warm");
        var lane = SingleLane.Supervised(session, adapter.Config, new AdamWSettings());
        lane.Start(adapter.Parameters);
        StepResult result = lane.Step([reference.Batch("sft.batch0.")], new StepSettings(1e-6));
        Assert.Equal(reference.Json.GetProperty("all.warm.sft_loss").GetDouble(), result.Loss, 7e-3);
        float[] before = adapter.Parameters.Values;
        float[] after = lane.Parameters.Values;

        // A step of 1e-6 is far below what bfloat16 tells apart; the factors are float32.
        Assert.InRange(Enumerable.Range(0, before.Length).Count(i => before[i] != after[i]), before.Length / 2, before.Length);
    }
}
