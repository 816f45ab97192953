using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Kernels;

/// <summary>
/// Packing of lines whose elements of one k share few sets of the first-level cache, as the rows of a large model's weights do: each line's next elements are
/// taken to a buffer by whole cache lines before they are turned, so that nothing is fetched twice.
/// </summary>
internal static unsafe class StagedPacking
{
    // Two cache lines of float32, one of bfloat16.
    private const int Run = 32;

    // Distance of two lines in the buffer: they do not collide there.
    private const int Distance = Run + 16;

    private const int CollidingBytes = 1024;

    /// <summary>Whether lines so many bytes apart collide.</summary>
    public static bool Collide(nint bytes) => bytes % CollidingBytes == 0;

    /// <summary>Packs sixteen lines that are contiguous in k, as <see cref="Packing.Pack"/> does. For AVX-512.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    public static void Pack16<T>(T* from, nint line, int k, float* to, nint step)
        where T : unmanaged, IElement<T>
    {
        float* memory = stackalloc float[(16 * Distance) + 16];
        float* stage = (float*)(((nuint)memory + 63) & ~(nuint)63);
        int p = 0;
        for (; p + Run <= k; p += Run)
        {
            for (int i = 0; i < 16; i++)
            {
                T* at = from + (i * line) + p;
                Prefetch.Far(at + (16 * line));
                T.Load16(at).Store(stage + (i * Distance));
                T.Load16(at + 16).Store(stage + (i * Distance) + 16);
            }

            for (int q = 0; q < Run; q += 4)
            {
                Transposition.Store4(Transposition.Turn((Float32Element*)stage + q, Distance), to + ((p + q) * step), step);
            }
        }

        Packing.CopyElements(from + p, line, 1, 16, k - p, to + (p * step), (int)step);
    }
}
