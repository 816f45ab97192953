using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics.Kernels;

/// <summary>Turns lines that are contiguous in k into vectors that hold one k of many lines, in registers.</summary>
public static unsafe class Transposition
{
    /// <summary>Returns four elements from each of three places; the last four are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Three<T>(T* r0, T* r1, T* r2)
        where T : unmanaged, IElement<T> =>
        Avx512F.InsertVector128(Vector256.Create(T.Load4(r0), T.Load4(r1)).ToVector512Unsafe(), T.Load4(r2), 2);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Four<T>(T* from, nint distance)
        where T : unmanaged, IElement<T> =>
        Avx512F.InsertVector128(Three(from, from + distance, from + (2 * distance)), T.Load4(from + (3 * distance)), 3);

    /// <summary>Returns four k of sixteen lines that are contiguous in k: a vector for each k, a lane for each line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<float> K0, Vector512<float> K1, Vector512<float> K2, Vector512<float> K3) Turn<T>(T* from, nint line)
        where T : unmanaged, IElement<T> =>
        Turn(Four(from, 4 * line), Four(from + line, 4 * line), Four(from + (2 * line), 4 * line), Four(from + (3 * line), 4 * line));

    /// <summary>Returns four k of sixteen lines of float32, as above.</summary>
    /// <param name="from">The first line's first k.</param>
    /// <param name="line">Distance of two lines.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> K0, Vector512<float> K1, Vector512<float> K2, Vector512<float> K3) Turn(float* from, nint line) => Turn((Float32Element*)from, line);

    /// <summary>The same from vectors that hold four k of the lines l, l + 4, l + 8 and l + 12.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<float> K0, Vector512<float> K1, Vector512<float> K2, Vector512<float> K3) Turn(
        Vector512<float> l0, Vector512<float> l1, Vector512<float> l2, Vector512<float> l3)
    {
        Vector512<double> t0 = Avx512F.UnpackLow(l0, l1).AsDouble();
        Vector512<double> t1 = Avx512F.UnpackLow(l2, l3).AsDouble();
        Vector512<double> t2 = Avx512F.UnpackHigh(l0, l1).AsDouble();
        Vector512<double> t3 = Avx512F.UnpackHigh(l2, l3).AsDouble();
        return (Avx512F.UnpackLow(t0, t1).AsSingle(), Avx512F.UnpackHigh(t0, t1).AsSingle(), Avx512F.UnpackLow(t2, t3).AsSingle(), Avx512F.UnpackHigh(t2, t3).AsSingle());
    }

    /// <summary>Stores four vectors, <paramref name="step"/> elements apart.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store4(in (Vector512<float> K0, Vector512<float> K1, Vector512<float> K2, Vector512<float> K3) values, float* to, nint step)
    {
        values.K0.Store(to);
        values.K1.Store(to + step);
        values.K2.Store(to + (2 * step));
        values.K3.Store(to + (3 * step));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Pair<T>(T* low, nint distance)
        where T : unmanaged, IElement<T> => Vector256.Create(T.Load4(low), T.Load4(low + distance));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(Vector256<float> r0, Vector256<float> r1, Vector256<float> r2, Vector256<float> r3, float* to, nint step)
    {
        Vector256<double> t0 = Avx.UnpackLow(r0, r1).AsDouble();
        Vector256<double> t1 = Avx.UnpackLow(r2, r3).AsDouble();
        Vector256<double> t2 = Avx.UnpackHigh(r0, r1).AsDouble();
        Vector256<double> t3 = Avx.UnpackHigh(r2, r3).AsDouble();
        Avx.UnpackLow(t0, t1).AsSingle().Store(to);
        Avx.UnpackHigh(t0, t1).AsSingle().Store(to + step);
        Avx.UnpackLow(t2, t3).AsSingle().Store(to + (2 * step));
        Avx.UnpackHigh(t2, t3).AsSingle().Store(to + (3 * step));
    }

    /// <summary>Writes four k of four lines k by k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Transpose4<T>(T* from, nint line, float* to, nint step)
        where T : unmanaged, IElement<T>
    {
        Vector128<float> r0 = T.Load4(from);
        Vector128<float> r1 = T.Load4(from + line);
        Vector128<float> r2 = T.Load4(from + (2 * line));
        Vector128<float> r3 = T.Load4(from + (3 * line));
        Vector128<double> t0 = Sse.UnpackLow(r0, r1).AsDouble();
        Vector128<double> t1 = Sse.UnpackLow(r2, r3).AsDouble();
        Vector128<double> t2 = Sse.UnpackHigh(r0, r1).AsDouble();
        Vector128<double> t3 = Sse.UnpackHigh(r2, r3).AsDouble();
        Sse2.UnpackLow(t0, t1).AsSingle().Store(to);
        Sse2.UnpackHigh(t0, t1).AsSingle().Store(to + step);
        Sse2.UnpackLow(t2, t3).AsSingle().Store(to + (2 * step));
        Sse2.UnpackHigh(t2, t3).AsSingle().Store(to + (3 * step));
    }

    /// <summary>Writes eight k of eight lines k by k.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Transpose8<T>(T* from, nint line, float* to, nint step)
        where T : unmanaged, IElement<T>
    {
        // Halves of rows i and i + 4 share a register from the load on, so only two rounds of shuffles remain.
        Vector256<float> r0 = Pair(from, 4 * line);
        Vector256<float> r1 = Pair(from + line, 4 * line);
        Vector256<float> r2 = Pair(from + (2 * line), 4 * line);
        Vector256<float> r3 = Pair(from + (3 * line), 4 * line);
        Square(r0, r1, r2, r3, to, step);
        r0 = Pair(from + 4, 4 * line);
        r1 = Pair(from + 4 + line, 4 * line);
        r2 = Pair(from + 4 + (2 * line), 4 * line);
        r3 = Pair(from + 4 + (3 * line), 4 * line);
        Square(r0, r1, r2, r3, to + (4 * step), step);
    }
}
