using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics.Kernels;

/// <summary>Copies operands into the order in which a tile reads them. No arithmetic happens here.</summary>
internal static unsafe class Packing
{
    // Rows by which packing asks the cache ahead of its reads.
    private const int PrefetchDistance = 8;

    // Elements of a task of packing, some 4 µs, and tasks a thread.
    private const int SmallestTask = 16_384;
    private const int TasksPerThread = 4;

    /// <summary>Copies lines of a matrix side by side: to[p·step + i] = from[i·line + p·along] for i below <paramref name="lines"/>; lines up to <paramref name="padded"/> become zero.</summary>
    /// <param name="from">The first element.</param>
    /// <param name="line">Distance of two lines (rows of A, columns of B) in elements.</param>
    /// <param name="along">Distance of two elements along a line: the k direction.</param>
    /// <param name="lines">Number of lines.</param>
    /// <param name="padded">Number of lines with padding; at most <paramref name="step"/>.</param>
    /// <param name="k">Elements to take of each line.</param>
    /// <param name="to">The packed panel.</param>
    /// <param name="step">Distance of two k in the panel.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Pack<T>(T* from, nint line, nint along, int lines, int padded, int k, float* to, int step)
        where T : unmanaged, IElement<T>
    {
        if (line == 1 && lines is >= 8 and <= 12)
        {
            PackShortRuns(from, along, lines, k, to, step);
        }
        else if (line == 1)
        {
            for (int p = 0; p < k; p++)
            {
                CopyRun(from + (p * along), to + (p * (nint)step), lines);
            }
        }
        else
        {
            int i = 0;
            int p = 0;
            if (along == 1 && Avx512F.IsSupported)
            {
                i = Pack512(from, line, lines, k, to, step);
            }

            if (along == 1 && Avx.IsSupported)
            {
                int wholeK = k & ~7;
                for (; i + 8 <= lines; i += 8)
                {
                    for (p = 0; p < wholeK; p += 8)
                    {
                        T* next = from + ((i + 8 + (p & 8) / 2) * line) + p;
                        Prefetch.Near(next);
                        Prefetch.Near(next + line);
                        Prefetch.Near(next + (2 * line));
                        Prefetch.Near(next + (3 * line));
                        Transposition.Transpose8(from + (i * line) + p, line, to + (p * (nint)step) + i, step);
                    }

                    CopyElements(from + (i * line) + wholeK, line, 1, 8, k - wholeK, to + (wholeK * (nint)step) + i, step);
                }

                int wholeK4 = k & ~3;
                for (; i + 4 <= lines; i += 4)
                {
                    for (p = 0; p < wholeK4; p += 4)
                    {
                        Prefetch.Near(from + ((i + 8 + ((p >> 2) & 3)) * line) + p);
                        Transposition.Transpose4(from + (i * line) + p, line, to + (p * (nint)step) + i, step);
                    }

                    CopyElements(from + (i * line) + wholeK4, line, 1, 4, k - wholeK4, to + (wholeK4 * (nint)step) + i, step);
                }
            }

            CopyElements(from + (i * line), line, along, Math.Max(lines - i, 0), k, to + i, step);
        }

        for (int i = lines; i < padded; i++)
        {
            for (int p = 0; p < k; p++)
            {
                to[(p * (nint)step) + i] = 0f;
            }
        }
    }

    /// <summary>Copies runs of contiguous lines, cut into panels of one width: k by k across all panels, so that each run is read at once.</summary>
    /// <param name="from">The first element of the first k.</param>
    /// <param name="along">Distance of two k.</param>
    /// <param name="k">Number of k.</param>
    /// <param name="panels">Number of panels.</param>
    /// <param name="width">Lines of a panel: also the distance of two k in it.</param>
    /// <param name="to">Where the first k of the first panel goes.</param>
    /// <param name="size">Distance of two panels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRuns<T>(T* from, nint along, int k, int panels, int width, float* to, nint size)
        where T : unmanaged, IElement<T>
    {
        for (int p = 0; p < k; p++, from += along, to += width)
        {
            T* ahead = from + (p + PrefetchDistance < k ? PrefetchDistance * along : 0);
            for (int panel = 0; panel < panels; panel++)
            {
                for (int i = 0; i < width; i += 16)
                {
                    Prefetch.Near(ahead + (panel * width) + i);
                }

                CopyRun(from + (panel * width), to + (panel * size), width);
            }
        }
    }

    /// <summary>As for one width, with the panels of A.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void PackRuns<T>(T* from, nint along, int k, RowPanels panels, float* to, nint size)
        where T : unmanaged, IElement<T>
    {
        for (int p = 0; p < k; p++, from += along, to += Tile.MaxRows)
        {
            T* ahead = from + (p + PrefetchDistance < k ? PrefetchDistance * along : 0);
            for (int panel = 0; panel < panels.Count; panel++)
            {
                int start = panels.Start(panel);
                Prefetch.Near(ahead + start);
                CopyRun(from + start, to + (panel * size), panels.Rows(panel));
            }
        }
    }

    /// <summary>Returns the even cut of a length into the fewest blocks of at most the limit, in whole steps.</summary>
    public static int Cut(int length, int limit, int step)
    {
        int blocks = (length + limit - 1) / limit;
        int block = (length + blocks - 1) / blocks;
        return (block + step - 1) / step * step;
    }

    /// <summary>Returns into how many tasks the packing of so many elements is cut, at most one a part.</summary>
    public static int Tasks(int parts, long elements, int threads) =>
        threads == 1 ? 1 : (int)Math.Clamp(elements / SmallestTask, 1, Math.Min(parts, TasksPerThread * threads));

    /// <summary>Returns the range of parts [first, last) that is task <paramref name="task"/> of <paramref name="tasks"/>.</summary>
    public static (int First, int Last) Range(int parts, int tasks, int task) =>
        ((int)((long)parts * task / tasks), (int)((long)parts * (task + 1) / tasks));

    /// <summary>Copies a small matrix between two layouts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Copy(float* from, nint fromRow, nint fromColumn, float* to, nint toRow, nint toColumn, int rows, int columns)
    {
        for (int i = 0; i < rows; i++)
        {
            if (fromColumn == 1 && toColumn == 1)
            {
                CopyRun((Float32Element*)from, to, columns);
            }
            else
            {
                for (int j = 0; j < columns; j++)
                {
                    to[j * toColumn] = from[j * fromColumn];
                }
            }

            from += fromRow;
            to += toRow;
        }
    }

    /// <summary>Copies lines element by element: to[p·step + i] = from[i·line + p·along].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void CopyElements<T>(T* from, nint line, nint along, int lines, int k, float* to, int step)
        where T : unmanaged, IElement<T>
    {
        for (int i = 0; i < lines; i++)
        {
            T* source = from + (i * line);
            float* target = to + i;
            for (int p = 0; p < k; p++)
            {
                *target = T.Load(source);
                source += along;
                target += step;
            }
        }
    }

    /// <summary>Copies a short run of elements.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void CopyRun<T>(T* from, float* to, int count)
        where T : unmanaged, IElement<T>
    {
        int i = 0;
        for (; i + 16 <= count; i += 16)
        {
            T.Load16(from + i).Store(to + i);
        }

        for (; i + 4 <= count; i += 4)
        {
            T.Load4(from + i).Store(to + i);
        }

        for (; i < count; i++)
        {
            to[i] = T.Load(from + i);
        }
    }

    // Runs of eight to twelve: the first eight and the last four.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackShortRuns<T>(T* from, nint along, int lines, int k, float* to, nint step)
        where T : unmanaged, IElement<T>
    {
        int last = lines - 4;
        for (; k >= 2; k -= 2, from += 2 * along, to += 2 * step)
        {
            Vector256<float> first = T.Load8(from);
            Vector128<float> rest = T.Load4(from + last);
            Vector256<float> nextFirst = T.Load8(from + along);
            Vector128<float> nextRest = T.Load4(from + along + last);
            first.Store(to);
            rest.Store(to + last);
            nextFirst.Store(to + step);
            nextRest.Store(to + step + last);
        }

        if (k > 0)
        {
            T.Load8(from).Store(to);
            T.Load4(from + last).Store(to + last);
        }
    }

    // Sixteen lines at a time, then nine to twelve; returns how many are packed.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Pack512<T>(T* from, nint line, int lines, int k, float* to, nint step)
        where T : unmanaged, IElement<T>
    {
        int i = 0;
        int wholeK = k & ~3;
        for (; i + 16 <= lines && StagedPacking.Collide(line * sizeof(T)); i += 16, from += 16 * line, to += 16)
        {
            StagedPacking.Pack16(from, line, k, to, step);
        }

        for (; i + 16 <= lines; i += 16, from += 16 * line, to += 16)
        {
            for (int p = 0; p < wholeK; p += 4)
            {
                T* at = from + p;
                Prefetch.Near(at + ((16 + (p & 12)) * line));
                Prefetch.Near(at + ((17 + (p & 12)) * line));
                Prefetch.Near(at + ((18 + (p & 12)) * line));
                Prefetch.Near(at + ((19 + (p & 12)) * line));
                Transposition.Store4(Transposition.Turn(at, line), to + (p * step), step);
            }

            CopyElements(from + wholeK, line, 1, 16, k - wholeK, to + (wholeK * step), (int)step);
        }

        int rest = lines - i;
        if (rest is > 8 and <= 12)
        {
            // A store is 16 lanes wide: what is beyond twelve falls where the next k is written next, so the last k is left out. Missing lines repeat the last.
            T* r8 = from + (8 * line);
            T* r9 = from + (Math.Min(9, rest - 1) * line);
            T* r10 = from + (Math.Min(10, rest - 1) * line);
            T* r11 = from + (Math.Min(11, rest - 1) * line);
            int p = 0;
            for (; p + 4 < k; p += 4)
            {
                T* at = from + p;
                Prefetch.Near(at + ((12 + ((p & 12) / 4 * 3)) * line));
                Prefetch.Near(at + ((13 + ((p & 12) / 4 * 3)) * line));
                Prefetch.Near(at + ((14 + ((p & 12) / 4 * 3)) * line));
                Vector512<float> v0 = Transposition.Three(at, at + (4 * line), r8 + p);
                Vector512<float> v1 = Transposition.Three(at + line, at + (5 * line), r9 + p);
                Vector512<float> v2 = Transposition.Three(at + (2 * line), at + (6 * line), r10 + p);
                Vector512<float> v3 = Transposition.Three(at + (3 * line), at + (7 * line), r11 + p);
                Transposition.Store4(Transposition.Turn(v0, v1, v2, v3), to + (p * step), step);
            }

            CopyElements(from + p, line, 1, rest, k - p, to + (p * step), (int)step);
            i += rest;
        }

        return i;
    }
}
