using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedLLM.Numerics.Kernels;

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
                Transposition.Store4(Transposition.Turn(from, width), to, Rows);
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
                // A quarter of each vector is a row's: those of rows i, i + 4, i + 8 and i + 12.
                var (r0, r1, r2, r3) = Transposition.Turn(Vector512.Load(from), Vector512.Load(from + Rows), Vector512.Load(from + (2 * Rows)), Vector512.Load(from + (3 * Rows)));
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreFour(Vector512<float> rows, float* to, nint width)
    {
        rows.GetLower().GetLower().Store(to);
        rows.GetLower().GetUpper().Store(to + (4 * width));
        rows.GetUpper().GetLower().Store(to + (8 * width));
        rows.GetUpper().GetUpper().Store(to + (12 * width));
    }
}
