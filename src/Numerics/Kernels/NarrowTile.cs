using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Kernels;

/// <summary>The tile of <see cref="NarrowProduct"/>: 32 rows by up to eight columns of C stay in registers while k ascends; lanes are rows.</summary>
internal static unsafe class NarrowTile
{
    private const int Rows = 32;

    /// <summary>C[i,j] = fma(A[i,p], B[p,j], C[i,j]) for p = 0 … k-1 in that order; from zero unless <paramref name="resume"/>.</summary>
    /// <param name="a">A[i,p] at a[i·aRow + p].</param>
    /// <param name="aRow">Distance of two rows of A.</param>
    /// <param name="b">B[p,j] at b[p·columns + j].</param>
    /// <param name="c">C[i,j] at c[j·32 + i].</param>
    /// <param name="k">Length of the chain.</param>
    /// <param name="resume">Whether the chain continues from the present C.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Run<TA, TColumns>(TA* a, nint aRow, float* b, float* c, int k, bool resume)
        where TA : unmanaged, IElement<TA>
        where TColumns : struct, IConstant
    {
        Vector512<float> low0 = default, high0 = default;
        Vector512<float> low1 = default, high1 = default;
        Vector512<float> low2 = default, high2 = default;
        Vector512<float> low3 = default, high3 = default;
        Vector512<float> low4 = default, high4 = default;
        Vector512<float> low5 = default, high5 = default;
        Vector512<float> low6 = default, high6 = default;
        Vector512<float> low7 = default, high7 = default;
        if (resume)
        {
            Load(c, ref low0, ref high0);

            if (TColumns.Value > 1)
            {
                Load(c + (1 * Rows), ref low1, ref high1);
            }

            if (TColumns.Value > 2)
            {
                Load(c + (2 * Rows), ref low2, ref high2);
            }

            if (TColumns.Value > 3)
            {
                Load(c + (3 * Rows), ref low3, ref high3);
            }

            if (TColumns.Value > 4)
            {
                Load(c + (4 * Rows), ref low4, ref high4);
            }

            if (TColumns.Value > 5)
            {
                Load(c + (5 * Rows), ref low5, ref high5);
            }

            if (TColumns.Value > 6)
            {
                Load(c + (6 * Rows), ref low6, ref high6);
            }

            if (TColumns.Value > 7)
            {
                Load(c + (7 * Rows), ref low7, ref high7);
            }
        }

        // Next rows are asked for a line at a time: eight of them with every four k.
        int p = 0;
        for (; p + 4 <= k; p += 4)
        {
            TA* ahead = a + ((Rows + ((p & 12) * 2)) * aRow) + p;
            for (int i = 0; i < 8; i++)
            {
                Prefetch.Near(ahead + (i * aRow));
            }

            var (x0, x1, x2, x3) = Transposition.Turn(a + p, aRow);
            var (y0, y1, y2, y3) = Transposition.Turn(a + (16 * aRow) + p, aRow);
            Step<TColumns>(x0, y0, b, ref low0, ref high0, ref low1, ref high1, ref low2, ref high2, ref low3, ref high3, ref low4, ref high4, ref low5, ref high5, ref low6, ref high6, ref low7, ref high7);
            Step<TColumns>(x1, y1, b + (1 * TColumns.Value), ref low0, ref high0, ref low1, ref high1, ref low2, ref high2, ref low3, ref high3, ref low4, ref high4, ref low5, ref high5, ref low6, ref high6, ref low7, ref high7);
            Step<TColumns>(x2, y2, b + (2 * TColumns.Value), ref low0, ref high0, ref low1, ref high1, ref low2, ref high2, ref low3, ref high3, ref low4, ref high4, ref low5, ref high5, ref low6, ref high6, ref low7, ref high7);
            Step<TColumns>(x3, y3, b + (3 * TColumns.Value), ref low0, ref high0, ref low1, ref high1, ref low2, ref high2, ref low3, ref high3, ref low4, ref high4, ref low5, ref high5, ref low6, ref high6, ref low7, ref high7);
            b += 4 * TColumns.Value;
        }

        float* lines = stackalloc float[Rows];
        for (; p < k; p++, b += TColumns.Value)
        {
            for (int i = 0; i < Rows; i++)
            {
                lines[i] = TA.Load(a + (i * aRow) + p);
            }

            Step<TColumns>(Vector512.Load(lines), Vector512.Load(lines + 16), b, ref low0, ref high0, ref low1, ref high1, ref low2, ref high2, ref low3, ref high3, ref low4, ref high4, ref low5, ref high5, ref low6, ref high6, ref low7, ref high7);
        }

        Store(low0, high0, c);

        if (TColumns.Value > 1)
        {
            Store(low1, high1, c + (1 * Rows));
        }

        if (TColumns.Value > 2)
        {
            Store(low2, high2, c + (2 * Rows));
        }

        if (TColumns.Value > 3)
        {
            Store(low3, high3, c + (3 * Rows));
        }

        if (TColumns.Value > 4)
        {
            Store(low4, high4, c + (4 * Rows));
        }

        if (TColumns.Value > 5)
        {
            Store(low5, high5, c + (5 * Rows));
        }

        if (TColumns.Value > 6)
        {
            Store(low6, high6, c + (6 * Rows));
        }

        if (TColumns.Value > 7)
        {
            Store(low7, high7, c + (7 * Rows));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TColumns>(
        Vector512<float> x, Vector512<float> y, float* b,
        ref Vector512<float> low0, ref Vector512<float> high0,
        ref Vector512<float> low1, ref Vector512<float> high1,
        ref Vector512<float> low2, ref Vector512<float> high2,
        ref Vector512<float> low3, ref Vector512<float> high3,
        ref Vector512<float> low4, ref Vector512<float> high4,
        ref Vector512<float> low5, ref Vector512<float> high5,
        ref Vector512<float> low6, ref Vector512<float> high6,
        ref Vector512<float> low7, ref Vector512<float> high7)
        where TColumns : struct, IConstant
    {
        Step(x, y, b[0], ref low0, ref high0);

        if (TColumns.Value > 1)
        {
            Step(x, y, b[1], ref low1, ref high1);
        }

        if (TColumns.Value > 2)
        {
            Step(x, y, b[2], ref low2, ref high2);
        }

        if (TColumns.Value > 3)
        {
            Step(x, y, b[3], ref low3, ref high3);
        }

        if (TColumns.Value > 4)
        {
            Step(x, y, b[4], ref low4, ref high4);
        }

        if (TColumns.Value > 5)
        {
            Step(x, y, b[5], ref low5, ref high5);
        }

        if (TColumns.Value > 6)
        {
            Step(x, y, b[6], ref low6, ref high6);
        }

        if (TColumns.Value > 7)
        {
            Step(x, y, b[7], ref low7, ref high7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(Vector512<float> x, Vector512<float> y, float b, ref Vector512<float> low, ref Vector512<float> high)
    {
        Vector512<float> value = Vector512.Create(b);
        low = Vector512.FusedMultiplyAdd(x, value, low);
        high = Vector512.FusedMultiplyAdd(y, value, high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load(float* from, ref Vector512<float> low, ref Vector512<float> high)
    {
        low = Vector512.Load(from);
        high = Vector512.Load(from + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector512<float> low, Vector512<float> high, float* to)
    {
        low.Store(to);
        high.Store(to + 16);
    }
}
