using System.Runtime.Intrinsics.X86;
using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Aggregation;

public sealed class FixedPointKernelTests
{
    private delegate bool Kernel(ReadOnlySpan<float> values, double factor, float bound, Span<long> sums);

    [Fact]
    public void AddScalar_Ties_GoToEven()
    {
        long[] sums = [10, 10, 10, 10, 10, 10];
        Assert.True(FixedPointKernel.AddScalar([0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f], 1, 3, sums));
        Assert.Equal([10, 12, 12, 10, 8, 8], sums);
    }

    [SkippableFact]
    public void AddAvx512_AnyValues_HasTheScalarBits()
    {
        Skip.IfNot(Avx512DQ.IsSupported, "This processor has no AVX-512DQ.");
        RequireScalarBits(FixedPointKernel.AddAvx512);
    }

    [Fact]
    public void AddVector256_AnyValues_HasTheScalarBits() => RequireScalarBits(FixedPointKernel.AddVector256);

    [Fact]
    public void AddVector256_ViolatedBound_IsReported() => RequireBoundReport(FixedPointKernel.AddVector256);

    [Fact]
    public void Add_ViolatedBound_IsReported() => RequireBoundReport(FixedPointKernel.Add);

    private static void RequireScalarBits(Kernel kernel)
    {
        var random = new CounterRandom(11, RandomPurpose.DataGeneration);
        ulong position = 0;
        for (int trial = 0; trial < 2000; trial++)
        {
            // Values whose products reach from far below half a unit to just under 2^62, ties among them.
            int length = (int)random.Below(70, ref position);
            double factor = Math.ScaleB(1 + random.Below(IntegerWeights.Largest, ref position), (int)random.Below(36, ref position));
            float bound = (float)(Math.ScaleB(0.999, 62) / factor);
            float[] values = new float[length];
            for (int i = 0; i < length; i++)
            {
                float value = ((2 * random.Uniform(position++)) - 1) * bound;
                values[i] = (random.Below(3, ref position)) switch
                {
                    0 => value,
                    1 => MathF.ScaleB(value, -(int)random.Below(64, ref position)),
                    _ => (float)((random.Below(2001, ref position) - 1000.5) / factor),
                };
                values[i] = Math.Clamp(values[i], -bound, bound);
            }

            long[] start = [.. Enumerable.Range(0, length).Select(i => (long)random.Bits((ulong)i) - int.MaxValue)];
            long[] scalar = [.. start];
            long[] vector = [.. start];
            Assert.True(FixedPointKernel.AddScalar(values, factor, bound, scalar));
            Assert.True(kernel(values, factor, bound, vector));
            Assert.Equal(scalar, vector);
        }
    }

    private static void RequireBoundReport(Kernel kernel)
    {
        foreach (float bad in new[] { MathF.BitIncrement(2f), -3f, float.NaN, float.NegativeInfinity })
        {
            for (int place = 0; place < 37; place++)
            {
                float[] values = new float[37];
                values[place] = bad;
                Assert.False(kernel(values, 1, 2f, new long[37]));
                values[place] = -2f;
                Assert.True(kernel(values, 1, 2f, new long[37]));
            }
        }
    }
}
