namespace FedLLM.Numerics.Tests;

/// <summary>Distances in units in the last place.</summary>
internal static class Ulp
{
    /// <summary>How far a float32 lies from a more exact value, in ulps of the float32 nearest to that value.</summary>
    public static double Distance(float actual, double exact)
    {
        float nearest = (float)exact;
        if (float.IsNaN(nearest) || float.IsInfinity(nearest))
        {
            return BitConverter.SingleToInt32Bits(nearest) == BitConverter.SingleToInt32Bits(actual) || (float.IsNaN(nearest) && float.IsNaN(actual))
                ? 0
                : double.PositiveInfinity;
        }

        double spacing = Math.Max((double)MathF.BitIncrement(MathF.Abs(nearest)) - MathF.Abs(nearest), float.Epsilon);
        return float.IsInfinity(actual) ? double.PositiveInfinity : Math.Abs(actual - exact) / (double.IsInfinity(spacing) ? Math.Pow(2, 104) : spacing);
    }

    /// <summary>How many float64 values apart two finite numbers of one sign are.</summary>
    public static long Steps(double a, double b) => a.Equals(b) || a == b ? 0 : Math.Abs(Ordered(a) - Ordered(b));

    private static long Ordered(double x)
    {
        long bits = BitConverter.DoubleToInt64Bits(x);
        return bits < 0 ? long.MinValue - bits : bits;
    }
}
