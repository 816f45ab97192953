using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Tests;

public sealed class ReduceTests
{
    public static TheoryData<int> Lengths => [0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 1000, 1023];

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Sum_AnyLength_FollowsTheLaneTree(int length)
    {
        float[] x = Values(length, 1);
        AssertBits(Tree(length, 0f, (lane, i) => lane + x[i], (a, b) => a + b), Reduce.Sum(x));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Dot_AnyLength_FollowsTheLaneTreeInFma(int length)
    {
        float[] x = Values(length, 1);
        float[] y = Values(length, 2);
        AssertBits(Tree(length, 0f, (lane, i) => MathF.FusedMultiplyAdd(x[i], y[i], lane), (a, b) => a + b), Reduce.Dot(x, y));
        AssertBits(Tree(length, 0f, (lane, i) => MathF.FusedMultiplyAdd(x[i], x[i], lane), (a, b) => a + b), Reduce.SumOfSquares(x));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void Max_AnyLength_IsTheGreatestElement(int length)
    {
        float[] x = Values(length, 3);
        Assert.Equal(length == 0 ? float.NegativeInfinity : x.Max(), Reduce.Max(x));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void SumOfSquaresDouble_AnyLength_FollowsTheLaneTree(int length)
    {
        float[] x = Values(length, 4);
        double[] lanes = new double[16];
        for (int i = 0; i < length; i++)
        {
            lanes[i % 16] += (double)x[i] * x[i];
        }

        for (int width = 8; width >= 1; width /= 2)
        {
            for (int l = 0; l < width; l++)
            {
                lanes[l] += lanes[l + width];
            }
        }

        Assert.Equal(BitConverter.DoubleToInt64Bits(lanes[0]), BitConverter.DoubleToInt64Bits(Reduce.SumOfSquaresDouble(x)));
        Assert.Equal(Math.Sqrt(lanes[0]), Reduce.Norm(x));
    }

    [Theory]
    [MemberData(nameof(Lengths))]
    public void DotDouble_AnyLength_FollowsTheLaneTree(int length)
    {
        float[] x = Values(length, 6);
        float[] y = Values(length, 7);
        double[] lanes = new double[16];
        for (int i = 0; i < length; i++)
        {
            lanes[i % 16] += (double)x[i] * y[i];
        }

        for (int width = 8; width >= 1; width /= 2)
        {
            for (int l = 0; l < width; l++)
            {
                lanes[l] += lanes[l + width];
            }
        }

        Assert.Equal(BitConverter.DoubleToInt64Bits(lanes[0]), BitConverter.DoubleToInt64Bits(Reduce.DotDouble(x, y)));
        Assert.Throws<ArgumentException>(() => Reduce.DotDouble(x, new float[length + 1]));
    }

    [Fact]
    public void Max_NaNAnywhere_IsNaN()
    {
        for (int place = 0; place < 40; place++)
        {
            float[] x = Values(40, 5);
            x[place] = float.NaN;
            Assert.True(float.IsNaN(Reduce.Max(x)), $"NaN at {place} was lost.");
        }
    }

    [Fact]
    public void FoldSum_PowersOfTwo_AddsEveryLaneOnce()
    {
        float[] lanes = [.. Enumerable.Range(0, 16).Select(l => (float)(1 << l))];
        Assert.Equal(65535f, Reduce.FoldSum(Vector512.Create<float>(lanes)));
        Assert.Equal(32768f, Reduce.FoldMax(Vector512.Create<float>(lanes)));
    }

    [Fact]
    public void Dot_SpansOfDifferentLength_Throws() => Assert.Throws<ArgumentException>(() => Reduce.Dot(new float[3], new float[4]));

    private static float Tree(int length, float identity, Func<float, int, float> take, Func<float, float, float> fold)
    {
        float[] lanes = new float[16];
        Array.Fill(lanes, identity);
        for (int i = 0; i < length; i++)
        {
            lanes[i % 16] = take(lanes[i % 16], i);
        }

        for (int width = 8; width >= 1; width /= 2)
        {
            for (int l = 0; l < width; l++)
            {
                lanes[l] = fold(lanes[l], lanes[l + width]);
            }
        }

        return lanes[0];
    }

    private static float[] Values(int length, int stream)
    {
        var random = new CounterRandom(7, RandomPurpose.DataGeneration, stream);
        return [.. Enumerable.Range(0, length).Select(i => (random.Uniform((ulong)i) * 2) - 1)];
    }

    private static void AssertBits(float expected, float actual) =>
        Assert.Equal(BitConverter.SingleToInt32Bits(expected), BitConverter.SingleToInt32Bits(actual));
}
