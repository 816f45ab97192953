using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Parity;

/// <summary>The CPU engine against Hugging Face + PEFT.</summary>
public sealed class ModelParityTests : ModelParity
{
    private static readonly Workers OneThread = new(1);

    [SkippableTheory]
    [MemberData(nameof(ModelCase.Names), MemberType = typeof(ModelCase))]
    public void RotaryFrequencies_MatchReference(string name)
    {
        using ModelCase reference = ModelCase.Open(name);
        var decoder = new Decoder(reference.Weights, OneThread);
        float[] expected = reference.Floats("base.rope_inv_freq");
        Assert.Equal(expected.Length, decoder.Rotary.Frequencies.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Close.Relative(expected[i], decoder.Rotary.Frequencies[i], 1e-6);
        }
    }

    /// <inheritdoc/>
    protected override ILearner Learner(DecoderWeights weights) => new CpuLearner(weights);
}
