using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>A base model with stacked factors added to some of its layers.</summary>
public sealed class CorrectedWeightsTests
{
    private const int Rank = 3;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Of_Factors_AddsTheirProductAndSharesTheRest(bool bfloat16)
    {
        DecoderWeights weights = TinyModel.Random(TinyModel.Config());
        if (bfloat16)
        {
            weights = Narrow(weights);
        }

        TensorSet correction = Correction(weights.Config);
        using var workers = new Workers(4);
        DecoderWeights corrected = CorrectedWeights.Of(weights, correction, workers);
        Assert.Same(weights.Embedding, corrected.Embedding);
        Assert.Same(weights.Layers[0][LinearKind.Gate], corrected.Layers[0][LinearKind.Gate]);
        LinearWeights before = weights.Layers[1][LinearKind.Value];
        float[] after = corrected.Layers[1][LinearKind.Value].Weight.Single;
        float[] original = new float[before.Weight.Length];
        before.Weight.CopyTo(0, original.Length, original);
        ReadOnlySpan<float> a = correction[TensorNames.LoraA(1, LinearKind.Value)];
        ReadOnlySpan<float> b = correction[TensorNames.LoraB(1, LinearKind.Value)];
        for (int o = 0; o < before.OutSize; o++)
        {
            for (int i = 0; i < before.InSize; i++)
            {
                float expected = original[(o * before.InSize) + i];
                for (int k = 0; k < Rank; k++)
                {
                    expected = MathF.FusedMultiplyAdd(b[(o * Rank) + k], a[(k * before.InSize) + i], expected);
                }

                Assert.Equal(expected, after[(o * before.InSize) + i]);
            }
        }

        Assert.Equal(after, CorrectedWeights.Of(weights, correction, null).Layers[1][LinearKind.Value].Weight.Single);
    }

    [Fact]
    public void Of_FactorsThatDoNotFit_NamesThem()
    {
        DecoderWeights weights = TinyModel.Random(TinyModel.Config());
        string a = TensorNames.LoraA(0, LinearKind.Query);
        string b = TensorNames.LoraB(0, LinearKind.Query);
        Assert.Contains(b, Refusal([(a, [Rank, 4])]), StringComparison.Ordinal);
        Assert.Contains(a, Refusal([(a, [Rank, 4]), (b, [4, Rank])]), StringComparison.Ordinal);
        Assert.Contains("0 are factors", Refusal([(TensorNames.LoraA(99, LinearKind.Query), [Rank, 4])]), StringComparison.Ordinal);

        string Refusal(IEnumerable<(string, IReadOnlyList<int>)> tensors) =>
            Assert.Throws<ArgumentException>(() => CorrectedWeights.Of(weights, new TensorSet(new TensorLayout(tensors)), null)).Message;
    }

    private static TensorSet Correction(ModelConfig model)
    {
        var config = new LoraConfig(Rank, Rank, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
        var correction = new TensorSet(LoraLayout.For(model, config));
        var random = new CounterRandom(5, RandomPurpose.DataGeneration);
        for (int i = 0; i < correction.Values.Length; i++)
        {
            correction.Values[i] = random.Uniform((ulong)i) - 0.5f;
        }

        return correction;
    }

    private static DecoderWeights Narrow(DecoderWeights weights) =>
        TinyModel.WithMatrices(weights, l => new WeightMatrix([.. l.Weight.Single.Select(v => (ushort)(BitConverter.SingleToUInt32Bits(v) >> 16))]));
}
