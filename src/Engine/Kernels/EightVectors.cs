using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Engine.Kernels;

/// <summary>Eight vectors that lie one after another, as the chains that <see cref="LaneProducts"/> works on at a time.</summary>
internal static unsafe class EightVectors
{
    private const int Rows = Lanes.Width;

    /// <summary>Reads them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load(
        float* from, out Vector512<float> v0, out Vector512<float> v1, out Vector512<float> v2, out Vector512<float> v3,
        out Vector512<float> v4, out Vector512<float> v5, out Vector512<float> v6, out Vector512<float> v7)
    {
        v0 = Vector512.Load(from);
        v1 = Vector512.Load(from + Rows);
        v2 = Vector512.Load(from + (2 * Rows));
        v3 = Vector512.Load(from + (3 * Rows));
        v4 = Vector512.Load(from + (4 * Rows));
        v5 = Vector512.Load(from + (5 * Rows));
        v6 = Vector512.Load(from + (6 * Rows));
        v7 = Vector512.Load(from + (7 * Rows));
    }

    /// <summary>Writes them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(
        float* to, Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3,
        Vector512<float> v4, Vector512<float> v5, Vector512<float> v6, Vector512<float> v7)
    {
        v0.Store(to);
        v1.Store(to + Rows);
        v2.Store(to + (2 * Rows));
        v3.Store(to + (3 * Rows));
        v4.Store(to + (4 * Rows));
        v5.Store(to + (5 * Rows));
        v6.Store(to + (6 * Rows));
        v7.Store(to + (7 * Rows));
    }
}
