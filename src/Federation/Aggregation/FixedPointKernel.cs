using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Federation.Aggregation;

/// <summary>The inner loop of fixed-point sums in three widths with the same bits.</summary>
internal static class FixedPointKernel
{
    // Added to a float64 of magnitude below 2^51, it leaves the nearest integer (ties to even) in the low bits of the significand.
    private const double Magic = 3L << 51;

    /// <summary>
    /// Adds round(values · factor), ties to even, to <paramref name="sums"/>; |values · factor| must be below 2^62 and exact in float64.
    /// Returns false, with <paramref name="sums"/> spoilt, where a value is NaN or its magnitude above <paramref name="bound"/>.
    /// </summary>
    public static bool Add(ReadOnlySpan<float> values, double factor, float bound, Span<long> sums)
    {
        if (Avx512DQ.IsSupported)
        {
            return AddAvx512(values, factor, bound, sums);
        }

        return Vector256.IsHardwareAccelerated ? AddVector256(values, factor, bound, sums) : AddScalar(values, factor, bound, sums);
    }

    internal static bool AddAvx512(ReadOnlySpan<float> values, double factor, float bound, Span<long> sums)
    {
        Vector512<double> factors = Vector512.Create(factor);
        Vector512<float> bounds = Vector512.Create(bound);
        Vector512<float> within = Vector512<float>.AllBitsSet;
        ref float source = ref MemoryMarshal.GetReference(values);
        ref long target = ref MemoryMarshal.GetReference(sums);
        int whole = values.Length & ~15;
        for (int i = 0; i < whole; i += 16)
        {
            Vector512<float> x = Vector512.LoadUnsafe(ref source, (nuint)i);
            within &= Vector512.LessThanOrEqual(Vector512.Abs(x), bounds);
            (Vector512<double> lower, Vector512<double> upper) = Vector512.Widen(x);
            Vector512<long> first = Avx512DQ.ConvertToVector512Int64(lower * factors, FloatRoundingMode.ToEven);
            Vector512<long> second = Avx512DQ.ConvertToVector512Int64(upper * factors, FloatRoundingMode.ToEven);
            (Vector512.LoadUnsafe(ref target, (nuint)i) + first).StoreUnsafe(ref target, (nuint)i);
            (Vector512.LoadUnsafe(ref target, (nuint)i + 8) + second).StoreUnsafe(ref target, (nuint)i + 8);
        }

        return Vector512.EqualsAll(within.AsInt32(), Vector512<int>.AllBitsSet) & AddScalar(values[whole..], factor, bound, sums[whole..]);
    }

    internal static bool AddVector256(ReadOnlySpan<float> values, double factor, float bound, Span<long> sums)
    {
        Vector256<double> factors = Vector256.Create(factor);
        Vector256<float> bounds = Vector256.Create(bound);
        Vector256<float> within = Vector256<float>.AllBitsSet;
        ref float source = ref MemoryMarshal.GetReference(values);
        ref long target = ref MemoryMarshal.GetReference(sums);
        int whole = values.Length & ~7;
        for (int i = 0; i < whole; i += 8)
        {
            Vector256<float> x = Vector256.LoadUnsafe(ref source, (nuint)i);
            within &= Vector256.LessThanOrEqual(Vector256.Abs(x), bounds);
            (Vector256<double> lower, Vector256<double> upper) = Vector256.Widen(x);
            (Vector256.LoadUnsafe(ref target, (nuint)i) + RoundToInt64(lower * factors)).StoreUnsafe(ref target, (nuint)i);
            (Vector256.LoadUnsafe(ref target, (nuint)i + 4) + RoundToInt64(upper * factors)).StoreUnsafe(ref target, (nuint)i + 4);
        }

        return Vector256.EqualsAll(within.AsInt32(), Vector256<int>.AllBitsSet) & AddScalar(values[whole..], factor, bound, sums[whole..]);
    }

    internal static bool AddScalar(ReadOnlySpan<float> values, double factor, float bound, Span<long> sums)
    {
        bool within = true;
        for (int i = 0; i < values.Length; i++)
        {
            within &= MathF.Abs(values[i]) <= bound;
            sums[i] += (long)Math.Round(values[i] * factor, MidpointRounding.ToEven);
        }

        return within;
    }

    // AVX2 converts no float64 to int64. So v = high · 2^32 + low, |low| <= 2^31, both subtractions exact; high · 2^32 is even, so the ties of low are those of v.
    private static Vector256<long> RoundToInt64(Vector256<double> v)
    {
        Vector256<double> magic = Vector256.Create(Magic);
        Vector256<double> shifted = (v * Vector256.Create(1.0 / (1L << 32))) + magic;
        Vector256<double> low = v - ((shifted - magic) * Vector256.Create((double)(1L << 32)));
        Vector256<long> high = shifted.AsInt64() - magic.AsInt64();
        return (high << 32) + ((low + magic).AsInt64() - magic.AsInt64());
    }
}
