using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Tests;

public sealed class VectorMathTests
{
    private delegate void SpanFunction(ReadOnlySpan<float> x, Span<float> destination);

    [Fact]
    public void Exp_OverTheWholeRange_StaysWithinItsBound()
    {
        float[] x = [.. Grid(-104.5f, 89.5f, 400_000)];
        Assert.InRange(WorstUlp(x, VectorMath.Exp, Math.Exp), 0, 1.1);
    }

    [Fact]
    public void Log_OverAllBinades_StaysWithinOneUlp()
    {
        float[] x = new float[500_000];
        var random = new CounterRandom(1, RandomPurpose.DataGeneration);
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = BitConverter.UInt32BitsToSingle(random.Bits((ulong)i) % 0x7F800000u);
        }

        Assert.InRange(WorstUlp(x, VectorMath.Log, Math.Log), 0, 1.0);
        Assert.InRange(WorstUlp([.. Grid(0.7f, 1.45f, 200_000)], VectorMath.Log, Math.Log), 0, 1.0);
    }

    [Fact]
    public void Sigmoid_AboveExpOverflow_StaysWithinThreeUlp()
    {
        float[] x = [.. Grid(-87f, 100f, 200_000)];
        Assert.InRange(WorstUlp(x, VectorMath.Sigmoid, v => 1 / (1 + Math.Exp(-v))), 0, 3.0);
    }

    [Fact]
    public void Silu_AboveExpOverflow_StaysWithinFourUlp()
    {
        float[] x = [.. Grid(-87f, 100f, 200_000)];
        Assert.InRange(WorstUlp(x, VectorMath.Silu, v => v / (1 + Math.Exp(-v))), 0, 4.0);
    }

    [Fact]
    public void Exp_SpecialValues_AreThoseOfIeee()
    {
        float[] x = [float.NegativeInfinity, float.PositiveInfinity, 0f, -0f, 200f, -200f, float.NaN, -103.2f];
        float[] y = new float[x.Length];
        VectorMath.Exp(x, y);
        Assert.Equal([0f, float.PositiveInfinity, 1f, 1f, float.PositiveInfinity, 0f, float.NaN, float.Epsilon], y);
    }

    [Fact]
    public void Log_SpecialValues_AreThoseOfIeee()
    {
        float[] x = [0f, -0f, 1f, float.PositiveInfinity, -1f, float.NegativeInfinity, float.NaN, float.Epsilon];
        float[] y = new float[x.Length];
        VectorMath.Log(x, y);
        Assert.Equal([float.NegativeInfinity, float.NegativeInfinity, 0f, float.PositiveInfinity, float.NaN, float.NaN, float.NaN, (float)Math.Log(float.Epsilon)], y);
    }

    [Fact]
    public void Silu_SpecialValues_AreAsDocumented()
    {
        float[] x = [float.NegativeInfinity, float.PositiveInfinity, 0f, -100f, float.NaN];
        float[] y = new float[x.Length];
        VectorMath.Silu(x, y);
        Assert.Equal([float.NaN, float.PositiveInfinity, 0f, -0f, float.NaN], y);
        VectorMath.Sigmoid(x, y);
        Assert.Equal([0f, 1f, 0.5f, 0f, float.NaN], y);
    }

    [Fact]
    public void SpanFunctions_AnyLengthAndPlace_GiveTheLaneBits()
    {
        float[] x = [.. Grid(-20f, 20f, 67)];
        SpanFunction[] functions = [VectorMath.Exp, VectorMath.Log, VectorMath.Sigmoid, VectorMath.Silu];
        Func<Vector512<float>, Vector512<float>>[] lanes = [VectorMath.Exp, VectorMath.Log, VectorMath.Sigmoid, VectorMath.Silu];
        for (int f = 0; f < functions.Length; f++)
        {
            for (int start = 0; start < 20; start++)
            {
                for (int length = 0; start + length <= x.Length; length += 5)
                {
                    float[] y = new float[length + 1];
                    y[length] = 7f;
                    functions[f](x.AsSpan(start, length), y);
                    for (int i = 0; i < length; i++)
                    {
                        float expected = lanes[f](Vector512.Create(x[start + i])).GetElement(0);
                        Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(y[i]));
                    }

                    Assert.Equal(7f, y[length]);
                }
            }
        }
    }

    [Fact]
    public void Exp_ShortDestination_Throws() => Assert.Throws<ArgumentException>(() => VectorMath.Exp(new float[3], new float[2]));

    [Fact]
    public void FusedMultiplyAdd_ProductNeedingMoreThan24Bits_RoundsOnce()
    {
        // (1 + 2^-23)² = 1 + 2^-22 + 2^-46: rounded before the subtraction, the last term would be lost.
        float a = 1f + MathF.ScaleB(1f, -23);
        float expected = MathF.ScaleB(1f, -46);
        var lanes = Vector512.FusedMultiplyAdd(Vector512.Create(a), Vector512.Create(a), Vector512.Create(-(1f + MathF.ScaleB(1f, -22))));
        Assert.Equal(Vector512.Create(expected), lanes);
    }

    private static IEnumerable<float> Grid(float from, float to, int count)
    {
        for (int i = 0; i < count; i++)
        {
            yield return (float)(from + ((to - (double)from) * i / (count - 1)));
        }
    }

    private static double WorstUlp(float[] x, SpanFunction function, Func<double, double> exact)
    {
        float[] y = new float[x.Length];
        function(x, y);
        double worst = 0;
        for (int i = 0; i < x.Length; i++)
        {
            worst = Math.Max(worst, Ulp.Distance(y[i], exact(x[i])));
        }

        return worst;
    }
}
