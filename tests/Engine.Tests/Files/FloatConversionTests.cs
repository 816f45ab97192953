using System.Globalization;
using System.Runtime.InteropServices;
using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Files;

public sealed class FloatConversionTests
{
    [Fact]
    public void ToFloat32_EveryFloat16_HasItsExactValue()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        float[] values = new float[all.Length];
        FloatConversion.ToFloat32(TensorType.F16, MemoryMarshal.AsBytes(all.AsSpan()), values);
        foreach (ushort bits in all)
        {
            // IEEE 754-2008, binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. Every value is exact in float64 and float32.
            int exponent = (bits >> 10) & 31;
            int fraction = bits & 1023;
            double magnitude = exponent switch
            {
                0 => fraction * Math.Pow(2, -24),
                31 => fraction == 0 ? double.PositiveInfinity : double.NaN,
                _ => (1024 + fraction) * Math.Pow(2, exponent - 25),
            };
            double expected = bits >> 15 == 1 ? -magnitude : magnitude;
            Assert.True(double.IsNaN(expected) ? float.IsNaN(values[bits]) : BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(values[bits]), bits.ToString("X4", CultureInfo.InvariantCulture));
        }
    }

    [Fact]
    public void ToFloat32_EveryBFloat16_IsTheUpperHalfOfTheFloat32()
    {
        // An odd number of elements reaches the scalar end of the vector loop.
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i), 1, 0x7F80, 0xFFC1];
        float[] values = new float[all.Length];
        FloatConversion.ToFloat32(TensorType.BF16, MemoryMarshal.AsBytes(all.AsSpan()), values);
        Assert.All(all.Zip(values), pair => Assert.Equal((uint)pair.First << 16, BitConverter.SingleToUInt32Bits(pair.Second)));
    }

    [Fact]
    public void ToFloat32_Float64_RoundsToNearestEven()
    {
        double half = Math.Pow(2, -24);
        double[] source = [1 + half, 1 + (3 * half), 1e300, -1e-300, double.NegativeInfinity, double.NaN, Math.Pow(2, -149)];
        float[] values = new float[source.Length];
        FloatConversion.ToFloat32(TensorType.F64, MemoryMarshal.AsBytes(source.AsSpan()), values);
        Assert.Equal([1f, 1f + (2 * MathF.Pow(2, -23)), float.PositiveInfinity, -0f, float.NegativeInfinity, float.NaN, float.Epsilon], values);
    }

    [Fact]
    public void NarrowToBFloat16_EveryBFloat16_ComesBack()
    {
        ushort[] all = [.. Enumerable.Range(0, 65536).Select(i => (ushort)i)];
        float[] wide = new float[all.Length];
        ushort[] back = new ushort[all.Length];
        BFloat16.Widen(all, wide);
        BFloat16.Narrow(wide, back);
        foreach (ushort bits in all)
        {
            Assert.Equal(float.IsNaN(wide[bits]) ? (ushort)(bits | 0x40) : bits, back[bits]);
        }
    }

    [Fact]
    public void NarrowToBFloat16_RandomFloats_AreTheNearestWithTiesToEven()
    {
        var random = new CounterRandom(11, RandomPurpose.DataGeneration);
        for (ulong i = 0; i < 20000; i++)
        {
            // Every fourth lies exactly between two neighbours.
            uint bits = i % 4 == 0 ? (random.Bits(i) & 0xFFFF0000) | 0x8000 : random.Bits(i);
            float value = BitConverter.UInt32BitsToSingle(bits);
            if (!float.IsFinite(value))
            {
                continue;
            }

            ushort[] narrow = new ushort[1];
            BFloat16.Narrow([value], narrow);
            ushort down = (ushort)(bits >> 16);

            // The low half is the distance to the neighbour towards zero, in 2^-16 of the gap.
            uint low = bits & 0xFFFF;
            ushort expected = low > 0x8000 || (low == 0x8000 && (down & 1) == 1) ? (ushort)(down + 1) : down;
            Assert.Equal(expected, narrow[0]);
        }
    }
}
