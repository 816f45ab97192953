using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Packed copies of frozen weights: the bits of the products with the weights themselves, and only where they are worth their memory.</summary>
public sealed unsafe class PackedLayersTests
{
    private static readonly DecoderWeights Weights = TinyModel.Random(TinyModel.Config());

    [Theory]
    [InlineData(25, false)]
    [InlineData(70, true)]
    public void Products_AnyLinearLayer_HaveTheBitsOfTheWeightsOwn(int rows, bool accumulate)
    {
        using var workers = new Workers(2);
        PackedLayers packed = Weights.Packed!;
        foreach (LinearKind kind in Enum.GetValues<LinearKind>())
        {
            LinearWeights linear = Weights.Layers[1][kind];
            float[] x = Draw(rows * linear.InSize, 1);
            float[] dy = Draw(rows * linear.OutSize, 2);
            float[] y = new float[dy.Length];
            float[] expectedY = new float[dy.Length];
            float[] dx = Draw(x.Length, 3);
            float[] expectedDx = [.. dx];
            fixed (float* px = x, pdy = dy, py = y, pey = expectedY, pdx = dx, pedx = expectedDx)
            {
                packed.Forward(workers, linear, 1, kind, px, py, rows);
                linear.Weight.Multiply(workers, rows, linear.OutSize, linear.InSize, px, linear.InSize, 1, 0, 1, linear.InSize, pey, linear.OutSize, false);
                packed.Backward(workers, linear, 1, kind, pdy, pdx, rows, accumulate);
                linear.Weight.Multiply(workers, rows, linear.InSize, linear.OutSize, pdy, linear.OutSize, 1, 0, linear.InSize, 1, pedx, linear.InSize, accumulate);
            }

            Assert.Equal(expectedY, y);
            Assert.Equal(expectedDx, dx);
        }
    }

    [Fact]
    public void Packed_AskedTwice_IsMadeOnce() => Assert.Same(Weights.Packed, Weights.Packed);

    [Fact]
    public void Packed_BFloat16_IsNotWidenedForIt()
    {
        var narrow = TinyModel.WithMatrices(Weights, l =>
        {
            var half = new ushort[l.Weight.Length];
            BFloat16.Narrow(l.Weight.Single, half);
            return new WeightMatrix(half);
        });
        Assert.Null(narrow.Packed);
    }

    [Fact]
    public void Packed_WeightsOfOneRound_AreNot()
    {
        var nothing = new TensorSet(new TensorLayout([]));
        Assert.Null(CorrectedWeights.Of(Weights, nothing, null).Packed);
    }

    private static float[] Draw(int count, int stream)
    {
        var random = new CounterRandom(6, RandomPurpose.DataGeneration, stream);
        return [.. Enumerable.Range(0, count).Select(i => (2 * random.Uniform((ulong)i)) - 1)];
    }
}
