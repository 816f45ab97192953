using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics;

/// <summary>
/// Element-wise float32 functions of our own, made only of operations that IEEE 754 fixes to the last bit (+, -, ×, ÷, fma, comparisons, bit moves).
/// So an element's bits depend on its value alone: not on the lane, the span's length, the instruction set or the platform's libm.
/// </summary>
/// <remarks>
/// Denormal arguments and results are handled in full: nothing is flushed to zero. A NaN argument comes back as that same NaN.
/// The span versions accept one span as source and destination; other overlaps are not supported. They allocate nothing.
/// </remarks>
public static class VectorMath
{
    // 1.5 · 2^23: adding it rounds to an integer (half to even) and leaves that integer in the low bits.
    private const float RoundingShift = 12582912f;

    private interface IFunction
    {
        static abstract Vector512<float> Apply(Vector512<float> x);
    }

    /// <summary>Returns e^x for each lane, within 1.1 ulp of the exact value.</summary>
    /// <remarks>
    /// x = n·ln 2 + r with |r| at most ln 2 / 2; e^r by Cephes' minimax polynomial (S. Moshier, expf), here in fma; scaled by 2^n in two exact steps.
    /// e^-∞ = 0, e^+∞ = +∞, overflow gives +∞, underflow rounds through the denormals to 0, NaN gives the same NaN.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        // Machines differ in the native minimum of a NaN alone, and a NaN is put back at the end.
        Vector512<float> bounded = Vector512.MaxNative(Vector512.MinNative(x, Vector512.Create(89f)), Vector512.Create(-104f));

        Vector512<float> shift = Vector512.Create(RoundingShift);
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(bounded, Vector512.Create(1.44269504f), shift);
        Vector512<float> n = shifted - shift;
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-0.693359375f), bounded);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(2.12194440e-4f), r);

        Vector512<float> p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r) + Vector512.Create(1f);

        return Vector512.ConditionalSelect(Vector512.Equals(x, x), Scale(p, n, shifted.AsInt32() - shift.AsInt32()), x);
    }

    /// <summary>Returns the natural logarithm of each lane, within 1 ulp of the exact value.</summary>
    /// <remarks>
    /// x = 2^k·(1 + f) with 1 + f in [√½, √2); log(1 + f) by fdlibm's series in s = f / (2 + f) (Sun Microsystems, e_logf.c).
    /// log 0 = -∞ (either sign), log +∞ = +∞, a negative argument gives the quiet NaN, NaN gives the same NaN; denormal arguments are exact.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Log(Vector512<float> x)
    {
        Vector512<float> one = Vector512.Create(1f);
        Vector512<float> denormal = Vector512.LessThan(x, Vector512.Create(1.17549435e-38f));
        Vector512<float> scaled = Vector512.ConditionalSelect(denormal, x * Vector512.Create(8388608f), x);
        Vector512<float> correction = Vector512.ConditionalSelect(denormal, Vector512.Create(-23f), Vector512<float>.Zero);

        Vector512<int> rootHalf = Vector512.Create(0x3F3504F3);
        Vector512<int> bits = scaled.AsInt32() + (Vector512.Create(0x3F800000) - rootHalf);
        Vector512<float> k = Vector512.ConvertToSingle(Vector512.ShiftRightArithmetic(bits, 23) - Vector512.Create(127)) + correction;
        Vector512<float> f = ((bits & Vector512.Create(0x007FFFFF)) + rootHalf).AsSingle() - one;

        Vector512<float> s = f / (Vector512.Create(2f) + f);
        Vector512<float> z = s * s;
        Vector512<float> w = z * z;
        Vector512<float> even = w * Vector512.FusedMultiplyAdd(w, Vector512.Create(0.24279078841f), Vector512.Create(0.40000972152f));
        Vector512<float> odd = z * Vector512.FusedMultiplyAdd(w, Vector512.Create(0.28498786688f), Vector512.Create(0.66666662693f));
        Vector512<float> halfSquare = Vector512.Create(0.5f) * f * f;
        Vector512<float> tail = Vector512.FusedMultiplyAdd(k, Vector512.Create(9.0580006145e-6f), s * (halfSquare + (even + odd)));
        Vector512<float> result = Vector512.FusedMultiplyAdd(k, Vector512.Create(6.9313812256e-1f), tail - halfSquare + f);

        Vector512<float> infinity = Vector512.Create(float.PositiveInfinity);
        result = Vector512.ConditionalSelect(Vector512.Equals(x, infinity), infinity, result);
        result = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512<float>.Zero), Vector512.Create(float.NegativeInfinity), result);
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512<float>.Zero), Vector512.Create(float.NaN), result);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), result, x);
    }

    /// <summary>Returns σ(x) = 1 / (1 + e^-x) for each lane.</summary>
    /// <remarks>Within 3 ulp above -87; below about -88.7, where e^-x overflows, the result is 0. σ(-∞) = 0, σ(+∞) = 1, NaN gives the same NaN.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x)
    {
        Vector512<float> one = Vector512.Create(1f);
        Vector512<float> result = one / (one + Exp(-x));
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), result, x);
    }

    /// <summary>Returns silu(x) = x·σ(x) for each lane (Elfwing et al. 2018, also called swish).</summary>
    /// <remarks>Within 4 ulp above -87; -0 below about -88.7; silu(-∞) is the quiet NaN (∞·0, as in PyTorch), silu(+∞) = +∞, NaN gives the same NaN.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Silu(Vector512<float> x)
    {
        Vector512<float> result = x * Sigmoid(x);
        result = Vector512.ConditionalSelect(Vector512.Equals(x, Vector512.Create(float.NegativeInfinity)), Vector512.Create(float.NaN), result);
        return Vector512.ConditionalSelect(Vector512.Equals(x, x), result, x);
    }

    /// <summary>Writes e^x of every element; see <see cref="Exp(Vector512{float})"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="x"/>.</exception>
    public static void Exp(ReadOnlySpan<float> x, Span<float> destination) => Map<ExpFunction>(x, destination);

    /// <summary>Writes the natural logarithm of every element; see <see cref="Log(Vector512{float})"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="x"/>.</exception>
    public static void Log(ReadOnlySpan<float> x, Span<float> destination) => Map<LogFunction>(x, destination);

    /// <summary>Writes σ(x) of every element; see <see cref="Sigmoid(Vector512{float})"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="x"/>.</exception>
    public static void Sigmoid(ReadOnlySpan<float> x, Span<float> destination) => Map<SigmoidFunction>(x, destination);

    /// <summary>Writes silu(x) of every element; see <see cref="Silu(Vector512{float})"/>.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="x"/>.</exception>
    public static void Silu(ReadOnlySpan<float> x, Span<float> destination) => Map<SiluFunction>(x, destination);

    // p·2^n, rounded once: the first of two steps is exact, and the instruction takes but one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Scale(Vector512<float> p, Vector512<float> n, Vector512<int> exponent)
    {
        if (Avx512F.IsSupported)
        {
            return Avx512F.Scale(p, n);
        }

        Vector512<int> half = Vector512.ShiftRightArithmetic(exponent, 1);
        Vector512<int> bias = Vector512.Create(127);
        Vector512<float> scale1 = Vector512.ShiftLeft(half + bias, 23).AsSingle();
        Vector512<float> scale2 = Vector512.ShiftLeft(exponent - half + bias, 23).AsSingle();
        return p * scale1 * scale2;
    }

    private static void Map<T>(ReadOnlySpan<float> x, Span<float> destination)
        where T : struct, IFunction
    {
        if (destination.Length < x.Length)
        {
            throw new ArgumentException($"The destination holds {destination.Length} elements, the source {x.Length}.", nameof(destination));
        }

        ref float from = ref MemoryMarshal.GetReference(x);
        ref float to = ref MemoryMarshal.GetReference(destination);
        nuint whole = (nuint)(x.Length & ~15);
        for (nuint i = 0; i < whole; i += 16)
        {
            T.Apply(Vector512.LoadUnsafe(ref from, i)).StoreUnsafe(ref to, i);
        }

        int rest = x.Length & 15;
        if (rest > 0)
        {
            Span<float> padded = stackalloc float[16];
            padded.Clear();
            x[(int)whole..].CopyTo(padded);
            T.Apply(Vector512.Create<float>(padded)).CopyTo(padded);
            padded[..rest].CopyTo(destination[(int)whole..]);
        }
    }

    private readonly struct ExpFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => Exp(x);
    }

    private readonly struct LogFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => Log(x);
    }

    private readonly struct SigmoidFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => Sigmoid(x);
    }

    private readonly struct SiluFunction : IFunction
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<float> Apply(Vector512<float> x) => Silu(x);
    }
}
