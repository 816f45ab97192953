using System.Runtime.CompilerServices;

namespace FedLLM.Numerics.Kernels;

/// <summary>
/// The tile at the bottom of every product: up to 12 rows by one or two vectors of C stay in registers while k ascends.
/// Rows, width and vector type are generic arguments, so the JIT compiles each shape with its unused rows removed.
/// </summary>
internal static unsafe class Tile
{
    /// <summary>The most rows a tile has.</summary>
    public const int MaxRows = 12;

    /// <summary>C[i,j] = fma(A[i,p], B[p,j], C[i,j]) for p = 0 … k-1 in that order; from zero unless <paramref name="resume"/>.</summary>
    /// <param name="a">A[i,p] at a[i·aRow + p·aStep].</param>
    /// <param name="aRow">Distance of two rows of A.</param>
    /// <param name="aStep">Distance of two columns of A.</param>
    /// <param name="b">B[p,j] at b[p·bStep + j]; the tile's whole width is read.</param>
    /// <param name="bStep">Distance of two rows of B.</param>
    /// <param name="c">C[i,j] at c[i·cRow + j]; the tile's whole width is written.</param>
    /// <param name="cRow">Distance of two rows of C.</param>
    /// <param name="k">Length of the chain.</param>
    /// <param name="resume">Whether the chain continues from the present C.</param>
    /// <param name="ahead">What the second-level cache is asked for, a place at each k: spread over the tile, so that its own reads do not wait behind it.</param>
    /// <param name="aheadStep">Distance of two such places in bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Run<TLanes, TVector, TRows, TColumns, TPlace>(float* a, nint aRow, nint aStep, float* b, nint bStep, float* c, nint cRow, nint k, bool resume, byte* ahead, nint aheadStep)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TRows : struct, IConstant
        where TColumns : struct, IConstant
        where TPlace : struct, IPlace
    {
        TVector left0 = default, right0 = default;
        TVector left1 = default, right1 = default;
        TVector left2 = default, right2 = default;
        TVector left3 = default, right3 = default;
        TVector left4 = default, right4 = default;
        TVector left5 = default, right5 = default;
        TVector left6 = default, right6 = default;
        TVector left7 = default, right7 = default;
        TVector left8 = default, right8 = default;
        TVector left9 = default, right9 = default;
        TVector left10 = default, right10 = default;
        TVector left11 = default, right11 = default;
        if (resume)
        {
            Load<TLanes, TVector, TColumns>(c, ref left0, ref right0);
            if (TRows.Value > 1)
            {
                Load<TLanes, TVector, TColumns>(c + (1 * cRow), ref left1, ref right1);
            }

            if (TRows.Value > 2)
            {
                Load<TLanes, TVector, TColumns>(c + (2 * cRow), ref left2, ref right2);
            }

            if (TRows.Value > 3)
            {
                Load<TLanes, TVector, TColumns>(c + (3 * cRow), ref left3, ref right3);
            }

            if (TRows.Value > 4)
            {
                Load<TLanes, TVector, TColumns>(c + (4 * cRow), ref left4, ref right4);
            }

            if (TRows.Value > 5)
            {
                Load<TLanes, TVector, TColumns>(c + (5 * cRow), ref left5, ref right5);
            }

            if (TRows.Value > 6)
            {
                Load<TLanes, TVector, TColumns>(c + (6 * cRow), ref left6, ref right6);
            }

            if (TRows.Value > 7)
            {
                Load<TLanes, TVector, TColumns>(c + (7 * cRow), ref left7, ref right7);
            }

            if (TRows.Value > 8)
            {
                Load<TLanes, TVector, TColumns>(c + (8 * cRow), ref left8, ref right8);
            }

            if (TRows.Value > 9)
            {
                Load<TLanes, TVector, TColumns>(c + (9 * cRow), ref left9, ref right9);
            }

            if (TRows.Value > 10)
            {
                Load<TLanes, TVector, TColumns>(c + (10 * cRow), ref left10, ref right10);
            }

            if (TRows.Value > 11)
            {
                Load<TLanes, TVector, TColumns>(c + (11 * cRow), ref left11, ref right11);
            }
        }

        if (TPlace.IsPacked)
        {
            aStep = MaxRows;
            bStep = TColumns.Value * TLanes.Width;
            if (resume)
            {
                for (int i = 0; i < TRows.Value; i++)
                {
                    Prefetch.Near(c + (i * cRow) + bStep);
                    Prefetch.Near(c + (i * cRow) + bStep + 16);
                }
            }
        }

        // In place, every third row has a pointer; the two after it are reached by one and two strides, which are addressing modes.
        nint twoRows = 2 * aRow;
        float* a3 = a + (3 * aRow);
        float* a6 = a + (6 * aRow);
        float* a9 = a + (9 * aRow);
        for (; k > 0; k--, a += aStep)
        {
            TVector left = TLanes.Load(b);
            TVector right = TColumns.Value > 1 ? TLanes.Load(b + TLanes.Width) : default;
            b += bStep;
            Prefetch.Far(ahead);
            ahead += aheadStep;

            Step<TLanes, TVector, TColumns>(*a, left, right, ref left0, ref right0);
            if (TRows.Value > 1)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[1] : a[aRow], left, right, ref left1, ref right1);
            }

            if (TRows.Value > 2)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[2] : a[twoRows], left, right, ref left2, ref right2);
            }

            if (TRows.Value > 3)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[3] : *a3, left, right, ref left3, ref right3);
            }

            if (TRows.Value > 4)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[4] : a3[aRow], left, right, ref left4, ref right4);
            }

            if (TRows.Value > 5)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[5] : a3[twoRows], left, right, ref left5, ref right5);
            }

            if (TRows.Value > 6)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[6] : *a6, left, right, ref left6, ref right6);
            }

            if (TRows.Value > 7)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[7] : a6[aRow], left, right, ref left7, ref right7);
            }

            if (TRows.Value > 8)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[8] : a6[twoRows], left, right, ref left8, ref right8);
            }

            if (TRows.Value > 9)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[9] : *a9, left, right, ref left9, ref right9);
            }

            if (TRows.Value > 10)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[10] : a9[aRow], left, right, ref left10, ref right10);
            }

            if (TRows.Value > 11)
            {
                Step<TLanes, TVector, TColumns>(TPlace.IsPacked ? a[11] : a9[twoRows], left, right, ref left11, ref right11);
            }

            if (!TPlace.IsPacked)
            {
                a3 += aStep;
                a6 += aStep;
                a9 += aStep;
            }
        }

        Store<TLanes, TVector, TColumns>(left0, right0, c);
        if (TRows.Value > 1)
        {
            Store<TLanes, TVector, TColumns>(left1, right1, c + (1 * cRow));
        }

        if (TRows.Value > 2)
        {
            Store<TLanes, TVector, TColumns>(left2, right2, c + (2 * cRow));
        }

        if (TRows.Value > 3)
        {
            Store<TLanes, TVector, TColumns>(left3, right3, c + (3 * cRow));
        }

        if (TRows.Value > 4)
        {
            Store<TLanes, TVector, TColumns>(left4, right4, c + (4 * cRow));
        }

        if (TRows.Value > 5)
        {
            Store<TLanes, TVector, TColumns>(left5, right5, c + (5 * cRow));
        }

        if (TRows.Value > 6)
        {
            Store<TLanes, TVector, TColumns>(left6, right6, c + (6 * cRow));
        }

        if (TRows.Value > 7)
        {
            Store<TLanes, TVector, TColumns>(left7, right7, c + (7 * cRow));
        }

        if (TRows.Value > 8)
        {
            Store<TLanes, TVector, TColumns>(left8, right8, c + (8 * cRow));
        }

        if (TRows.Value > 9)
        {
            Store<TLanes, TVector, TColumns>(left9, right9, c + (9 * cRow));
        }

        if (TRows.Value > 10)
        {
            Store<TLanes, TVector, TColumns>(left10, right10, c + (10 * cRow));
        }

        if (TRows.Value > 11)
        {
            Store<TLanes, TVector, TColumns>(left11, right11, c + (11 * cRow));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Load<TLanes, TVector, TColumns>(float* c, ref TVector left, ref TVector right)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TColumns : struct, IConstant
    {
        left = TLanes.Load(c);
        if (TColumns.Value > 1)
        {
            right = TLanes.Load(c + TLanes.Width);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TLanes, TVector, TColumns>(float a, TVector left, TVector right, ref TVector cLeft, ref TVector cRight)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TColumns : struct, IConstant
    {
        TVector value = TLanes.Broadcast(a);
        cLeft = TLanes.FusedMultiplyAdd(value, left, cLeft);
        if (TColumns.Value > 1)
        {
            cRight = TLanes.FusedMultiplyAdd(value, right, cRight);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TLanes, TVector, TColumns>(TVector left, TVector right, float* c)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
        where TColumns : struct, IConstant
    {
        TLanes.Store(left, c);
        if (TColumns.Value > 1)
        {
            TLanes.Store(right, c + TLanes.Width);
        }
    }
}
