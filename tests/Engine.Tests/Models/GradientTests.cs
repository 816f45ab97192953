using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Models;

/// <summary>
/// Central finite differences of the float32 loss: error O(h²) plus rounding O(ε/h). With h = 1e-2 on parameters of order 0.4 the directional derivative of a
/// whole tensor along its own gradient agrees to about 1 % where the backward pass is right; a missing term is far off.
/// </summary>
public sealed class GradientTests
{
    private const double Tolerance = 0.01;
    private static readonly Workers Two = new(2);

    [Theory]
    [InlineData(ModelFamily.Llama, true, 4, 2)]
    [InlineData(ModelFamily.Llama, false, 3, 1)]
    [InlineData(ModelFamily.Qwen2, true, 2, 2)]
    public void FullGradient_EveryParameter_AgreesWithFiniteDifferences(ModelFamily family, bool tied, int heads, int groups)
    {
        ModelConfig config = TinyModel.Config(family, tied, heads, groups);
        DecoderWeights weights = TinyModel.Random(config);
        TokenSequence[] batch = [TinyModel.Sequence(config, 9, 1), TinyModel.Sequence(config, 1 + 4, 2), TinyModel.Sequence(config, 2, 3)];
        var trainer = new FullTrainer(weights, new AdamWSettings(), Two);
        trainer.ComputeGradient(batch);
        float[][] gradients = [.. trainer.Gradient.Parameters().Select(p => (float[])p.Values.Clone())];
        float[][] values = [.. weights.Parameters().Select(p => p.Values)];
        for (int tensor = 0; tensor < values.Length; tensor++)
        {
            AssertDirectional(values[tensor], gradients[tensor], () => trainer.ComputeGradient(batch).Loss, $"tensor {tensor}");
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.4)]
    public void LoraGradient_EveryFactor_AgreesWithFiniteDifferences(double dropout)
    {
        ModelConfig config = TinyModel.Config(ModelFamily.Qwen2);
        LoraConfig lora = TinyModel.AllLinears(dropout: dropout);
        LoraAdapter adapter = TinyModel.Adapter(config, lora);
        var trainer = SingleLane.Supervised(TinyModel.Random(config), lora, new AdamWSettings(), Two);
        trainer.Start(adapter.Parameters);
        TokenSequence[][] batches = [[TinyModel.Sequence(config, 11, 1)], [TinyModel.Sequence(config, 7, 2), TinyModel.Sequence(config, 3, 4)]];
        var settings = new StepSettings(0, Seed: 3, Round: 2, Client: 1, Step: 4); // the same masks at every evaluation
        trainer.ComputeGradient(batches, settings);
        TensorSet gradient = trainer.Gradient.Clone();
        foreach (TensorSlot slot in gradient.Layout.Slots)
        {
            float[] parameters = trainer.Parameters.Values;
            var window = new float[slot.Count];
            trainer.Parameters[slot].CopyTo(window);
            AssertDirectional(
                window,
                gradient[slot].ToArray(),
                () =>
                {
                    window.CopyTo(parameters, slot.Offset);
                    return trainer.ComputeGradient(batches, settings).Loss;
                },
                slot.Name);
            window.CopyTo(parameters, slot.Offset);
        }
    }

    [Theory]
    [InlineData(LinearKind.Query)]
    [InlineData(LinearKind.Output)]
    [InlineData(LinearKind.Up)]
    [InlineData(LinearKind.Down)]
    public void LoraGradient_OneTargetAlone_EqualsThatOfAllTargets(LinearKind kind)
    {
        // The backward pass stops early where nothing below trains; what it still computes must not change.
        ModelConfig config = TinyModel.Config();
        DecoderWeights weights = TinyModel.Random(config);
        LoraAdapter all = LoraAdapter.Initialize(config, TinyModel.AllLinears(), 7); // B = 0: the other targets change nothing
        var one = new LoraConfig(3, 6, 0, new HashSet<LinearKind> { kind });
        var subset = new TensorSet(Engine.Files.LoraLayout.For(config, one));
        foreach (TensorSlot slot in subset.Layout.Slots)
        {
            all.Parameters[slot.Name].CopyTo(subset[slot]);
        }

        TokenSequence[][] batches = [[TinyModel.Sequence(config, 9, 1)]];
        var whole = SingleLane.Supervised(weights, all.Config, new AdamWSettings(), Two);
        whole.Start(all.Parameters);
        whole.ComputeGradient(batches, new StepSettings(0));
        var part = SingleLane.Supervised(weights, one, new AdamWSettings(), Two);
        part.Start(subset);
        part.ComputeGradient(batches, new StepSettings(0));
        foreach (TensorSlot slot in subset.Layout.Slots)
        {
            float[] expected = whole.Gradient[slot.Name].ToArray();
            float[] actual = part.Gradient[slot].ToArray();
            for (int i = 0; i < expected.Length; i++)
            {
                Assert.Equal(expected[i], actual[i], 1e-5f);
            }

            if (slot.Name.Contains("lora_B", StringComparison.Ordinal))
            {
                Assert.Contains(actual, v => v != 0);
            }
        }
    }

    [Fact]
    public void Step_FrozenWeights_StayUntouched()
    {
        ModelConfig config = TinyModel.Config();
        DecoderWeights weights = TinyModel.Random(config);
        float[][] before = [.. weights.Parameters().Select(p => (float[])p.Values.Clone())];
        LoraAdapter adapter = TinyModel.Adapter(config, TinyModel.AllLinears(dropout: 0.1));
        var trainer = SingleLane.Supervised(weights, adapter.Config, new AdamWSettings(), Two);
        trainer.Start(adapter.Parameters);
        trainer.Step([[TinyModel.Sequence(config, 9, 1)]], new StepSettings(0.1, 1.0));
        Assert.Equal(before, weights.Parameters().Select(p => p.Values));
        Assert.NotEqual(adapter.Parameters.Values, trainer.Parameters.Values);
    }

    internal static void AssertDirectional(float[] values, float[] gradient, Func<double> loss, string name)
    {
        double norm = GradientClip.Norm(gradient);
        Assert.True(norm > 1e-6, $"{name} has no gradient.");
        float[] original = (float[])values.Clone();
        const double H = 1e-2;
        double At(double sign)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = (float)(original[i] + (sign * H * gradient[i] / norm));
            }

            return loss();
        }

        double slope = (At(1) - At(-1)) / (2 * H);
        original.CopyTo(values, 0);
        Assert.True(Math.Abs(slope - norm) <= Tolerance * norm, $"{name}: the loss rises by {slope} along a gradient of norm {norm}.");
    }
}
