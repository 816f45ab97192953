using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics;

/// <summary>
/// Reductions of a span to one number along one fixed tree of 16 lanes: lane l takes elements l, l + 16, l + 32, … in ascending order,
/// starting from the identity; then lane l takes lane l + 8, then l + 4, l + 2 and l + 1. Elements past the end count as the identity.
/// The tree depends on the length alone, so the bits are the same on every instruction set. Nothing allocates.
/// </summary>
public static class Reduce
{
    /// <summary>Folds 16 lanes to their sum: l with l + 8, l + 4, l + 2, l + 1. Fused kernels that keep 16 lanes of partial sums end with this.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FoldSum(Vector512<float> lanes)
    {
        Vector256<float> eight = lanes.GetLower() + lanes.GetUpper();
        Vector128<float> four = eight.GetLower() + eight.GetUpper();
        return (four.GetElement(0) + four.GetElement(2)) + (four.GetElement(1) + four.GetElement(3));
    }

    /// <summary>Folds 16 lanes to their greatest value along the same tree; a NaN in any lane gives NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FoldMax(Vector512<float> lanes)
    {
        Vector256<float> low = lanes.GetLower();
        Vector256<float> high = lanes.GetUpper();
        Vector256<float> eight = Vector256.ConditionalSelect(Vector256.GreaterThan(low, high) | ~Vector256.Equals(low, low), low, high);
        float m0 = Greater(eight.GetElement(0), eight.GetElement(4));
        float m1 = Greater(eight.GetElement(1), eight.GetElement(5));
        float m2 = Greater(eight.GetElement(2), eight.GetElement(6));
        float m3 = Greater(eight.GetElement(3), eight.GetElement(7));
        return Greater(Greater(m0, m2), Greater(m1, m3));
    }

    /// <summary>Takes the lane-wise greater of two vectors; a NaN on either side stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Greater(Vector512<float> a, Vector512<float> b) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(a, b) | ~Vector512.Equals(a, a), a, b);

    /// <summary>Returns Σ x; 0 for an empty span. NaN and ∞ propagate as in IEEE 754 addition.</summary>
    public static float Sum(ReadOnlySpan<float> x)
    {
        ref float p = ref MemoryMarshal.GetReference(x);
        Vector512<float> lanes = Vector512<float>.Zero;
        int i = 0;
        for (; i <= x.Length - 16; i += 16)
        {
            lanes += Vector512.LoadUnsafe(ref p, (nuint)i);
        }

        return FoldSum(i < x.Length ? lanes + LoadPadded(x[i..], 0f) : lanes);
    }

    /// <summary>Returns Σ x·y, one fma per element; 0 for empty spans. NaN and ∞ propagate as in IEEE 754.</summary>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        if (x.Length != y.Length)
        {
            throw new ArgumentException($"The spans hold {x.Length} and {y.Length} elements.", nameof(y));
        }

        ref float p = ref MemoryMarshal.GetReference(x);
        ref float q = ref MemoryMarshal.GetReference(y);
        Vector512<float> lanes = Vector512<float>.Zero;
        int i = 0;
        for (; i <= x.Length - 16; i += 16)
        {
            lanes = Vector512.FusedMultiplyAdd(Vector512.LoadUnsafe(ref p, (nuint)i), Vector512.LoadUnsafe(ref q, (nuint)i), lanes);
        }

        return FoldSum(i < x.Length ? Vector512.FusedMultiplyAdd(LoadPadded(x[i..], 0f), LoadPadded(y[i..], 0f), lanes) : lanes);
    }

    /// <summary>Returns Σ x², one fma per element; 0 for an empty span. NaN propagates; ∞ and overflow give +∞.</summary>
    public static float SumOfSquares(ReadOnlySpan<float> x) => Dot(x, x);

    /// <summary>Returns the greatest element; -∞ for an empty span, NaN if any element is NaN.</summary>
    public static float Max(ReadOnlySpan<float> x)
    {
        ref float p = ref MemoryMarshal.GetReference(x);
        Vector512<float> lanes = Vector512.Create(float.NegativeInfinity);
        int i = 0;
        for (; i <= x.Length - 16; i += 16)
        {
            lanes = Greater(lanes, Vector512.LoadUnsafe(ref p, (nuint)i));
        }

        return FoldMax(i < x.Length ? Greater(lanes, LoadPadded(x[i..], float.NegativeInfinity)) : lanes);
    }

    /// <summary>Returns Σ x·y in float64, along the same tree of 16 lanes: each product is exact, so the only roundings are the sums'. For whole adapters.</summary>
    /// <remarks>0 for empty spans; NaN and ∞ propagate; finite elements cannot overflow.</remarks>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public static double DotDouble(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        if (x.Length != y.Length)
        {
            throw new ArgumentException($"The spans hold {x.Length} and {y.Length} elements.", nameof(y));
        }

        ref float p = ref MemoryMarshal.GetReference(x);
        ref float q = ref MemoryMarshal.GetReference(y);
        Vector512<double> low = Vector512<double>.Zero;
        Vector512<double> high = Vector512<double>.Zero;
        int i = 0;
        for (; i < x.Length; i += 16)
        {
            bool whole = i <= x.Length - 16;
            (Vector512<double> a, Vector512<double> b) = Vector512.Widen(whole ? Vector512.LoadUnsafe(ref p, (nuint)i) : LoadPadded(x[i..], 0f));
            (Vector512<double> c, Vector512<double> d) = Vector512.Widen(whole ? Vector512.LoadUnsafe(ref q, (nuint)i) : LoadPadded(y[i..], 0f));
            low += a * c;
            high += b * d;
        }

        Vector512<double> eight = low + high;
        Vector256<double> four = eight.GetLower() + eight.GetUpper();
        return (four.GetElement(0) + four.GetElement(2)) + (four.GetElement(1) + four.GetElement(3));
    }

    /// <summary>Returns Σ x² in float64; see <see cref="DotDouble"/>. For norms over whole adapters.</summary>
    /// <remarks>0 for an empty span; NaN propagates; ∞ gives +∞; finite elements cannot overflow.</remarks>
    public static double SumOfSquaresDouble(ReadOnlySpan<float> x) => DotDouble(x, x);

    /// <summary>Returns √Σ x² in float64; see <see cref="SumOfSquaresDouble"/>.</summary>
    public static double Norm(ReadOnlySpan<float> x) => Math.Sqrt(SumOfSquaresDouble(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Greater(float a, float b) => a > b || float.IsNaN(a) ? a : b;

    private static Vector512<float> LoadPadded(ReadOnlySpan<float> x, float padding)
    {
        Span<float> padded = stackalloc float[16];
        padded.Fill(padding);
        x.CopyTo(padded);
        return Vector512.Create<float>(padded);
    }
}
