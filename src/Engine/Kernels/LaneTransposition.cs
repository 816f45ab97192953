using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Engine.Kernels;

/// <summary>Turns up to 16 rows of a matrix into the lanes of vectors and back, for AVX-512; four columns at a time, of which there is a multiple of four.</summary>
internal static unsafe class LaneTransposition
{
    private const int Rows = Lanes.Width;

    /// <summary>to [d,16] from rows of d elements; lanes without a row are zero.</summary>
    public static void Turn(float* from, nint width, int rows, int size, float* to)
    {
        if (rows == Rows)
        {
            for (int c = 0; c < size; c += 4, from += 4, to += 4 * Rows)
            {
                // A quarter of each vector is a row's: those of rows i, i + 4, i + 8 and i + 12.
                var (c0, c1, c2, c3) = Squares(Four(from, width), Four(from + width, width), Four(from + (2 * width), width), Four(from + (3 * width), width));
                c0.Store(to);
                c1.Store(to + Rows);
                c2.Store(to + (2 * Rows));
                c3.Store(to + (3 * Rows));
            }

            return;
        }

        new Span<float>(to, size * Rows).Clear();
        for (int row = 0; row < rows; row++, from += width)
        {
            for (int c = 0; c < size; c++)
            {
                to[(c * Rows) + row] = from[c];
            }
        }
    }

    /// <summary>Rows of d elements from lanes [d,16].</summary>
    public static void TurnBack(float* from, int rows, int size, float* to, nint width)
    {
        if (rows == Rows)
        {
            for (int c = 0; c < size; c += 4, from += 4 * Rows, to += 4)
            {
                var (r0, r1, r2, r3) = Squares(Vector512.Load(from), Vector512.Load(from + Rows), Vector512.Load(from + (2 * Rows)), Vector512.Load(from + (3 * Rows)));
                StoreFour(r0, to, width);
                StoreFour(r1, to + width, width);
                StoreFour(r2, to + (2 * width), width);
                StoreFour(r3, to + (3 * width), width);
            }

            return;
        }

        for (int row = 0; row < rows; row++, to += width)
        {
            for (int c = 0; c < size; c++)
            {
                to[c] = from[(c * Rows) + row];
            }
        }
    }

    // Four elements of every fourth row.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Four(float* from, nint width)
    {
        var lower = Vector256.Create(Vector128.Load(from), Vector128.Load(from + (4 * width)));
        Vector512<float> three = Avx512F.InsertVector128(lower.ToVector512Unsafe(), Vector128.Load(from + (8 * width)), 2);
        return Avx512F.InsertVector128(three, Vector128.Load(from + (12 * width)), 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(Vector512<float> rows, float* to, nint width)
    {
        rows.GetLower().GetLower().Store(to);
        rows.GetLower().GetUpper().Store(to + (4 * width));
        rows.GetUpper().GetLower().Store(to + (8 * width));
        rows.GetUpper().GetUpper().Store(to + (12 * width));
    }

    // Transposes the four squares of 4 by 4 that the quarters of four vectors make.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<float> V0, Vector512<float> V1, Vector512<float> V2, Vector512<float> V3) Squares(
        Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3)
    {
        Vector512<double> low01 = Avx512F.UnpackLow(v0, v1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(v2, v3).AsDouble();
        Vector512<double> high01 = Avx512F.UnpackHigh(v0, v1).AsDouble();
        Vector512<double> high23 = Avx512F.UnpackHigh(v2, v3).AsDouble();
        return (
            Avx512F.UnpackLow(low01, low23).AsSingle(), Avx512F.UnpackHigh(low01, low23).AsSingle(),
            Avx512F.UnpackLow(high01, high23).AsSingle(), Avx512F.UnpackHigh(high01, high23).AsSingle());
    }
}
