using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// The products of <see cref="LaneProducts"/> for two blocks of queries at once: a key's or value's element is read once for both, where the two would otherwise wait
/// for their loads. To the bit what the blocks give one after the other.
/// </summary>
internal static unsafe class LanePairs
{
    private const int Rows = Lanes.Width;
    private const int Columns = LaneProducts.Columns;

    /// <summary>s₀[j] = Σ_c x₀[c]·y[j,c] and s₁[j] = Σ_c x₁[c]·y[j,c] for <paramref name="count"/> rows of y.</summary>
    public static void Products(float* x0, float* x1, int size, float* y, nint width, int count, float* s0, float* s1)
    {
        int whole = count / Columns * Columns;
        for (int j = 0; j < whole; j += Columns, y += Columns * width)
        {
            float* y3 = y + (3 * width);
            float* y6 = y + (6 * width);
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
            Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
            for (int c = 0; c < size; c++)
            {
                Vector512<float> a = Vector512.Load(x0 + (c * Rows));
                Vector512<float> b = Vector512.Load(x1 + (c * Rows));
                Step(a, b, y[c], ref a0, ref b0);
                Step(a, b, y[width + c], ref a1, ref b1);
                Step(a, b, y[(2 * width) + c], ref a2, ref b2);
                Step(a, b, y3[c], ref a3, ref b3);
                Step(a, b, y3[width + c], ref a4, ref b4);
                Step(a, b, y3[(2 * width) + c], ref a5, ref b5);
                Step(a, b, y6[c], ref a6, ref b6);
                Step(a, b, y6[width + c], ref a7, ref b7);
            }

            EightVectors.Store(s0 + (j * Rows), a0, a1, a2, a3, a4, a5, a6, a7);
            EightVectors.Store(s1 + (j * Rows), b0, b1, b2, b3, b4, b5, b6, b7);
        }

        LaneProducts.Products(x0, size, y, width, count - whole, s0 + (whole * Rows));
        LaneProducts.Products(x1, size, y, width, count - whole, s1 + (whole * Rows));
    }

    /// <summary>to₀[c] (+)= Σ_j (weights₀[j]·factor₀)·y[j,c], and the same for the other block; d a multiple of <see cref="Columns"/>.</summary>
    public static void WeightedSum(
        float* weights0, float* weights1, int count, Vector512<float> factor0, Vector512<float> factor1, float* y, nint width, int size, float* to0, float* to1, bool resume)
    {
        for (int c = 0; c < size; c += Columns, y += Columns, to0 += Columns * Rows, to1 += Columns * Rows)
        {
            Vector512<float> a0 = default, a1 = default, a2 = default, a3 = default, a4 = default, a5 = default, a6 = default, a7 = default;
            Vector512<float> b0 = default, b1 = default, b2 = default, b3 = default, b4 = default, b5 = default, b6 = default, b7 = default;
            if (resume)
            {
                EightVectors.Load(to0, out a0, out a1, out a2, out a3, out a4, out a5, out a6, out a7);
                EightVectors.Load(to1, out b0, out b1, out b2, out b3, out b4, out b5, out b6, out b7);
            }

            float* row = y;
            nint at = 0;
            for (int j = 0; j < count; j++, row += width, at += Rows)
            {
                Vector512<float> a = Vector512.Load(weights0 + at) * factor0;
                Vector512<float> b = Vector512.Load(weights1 + at) * factor1;
                Step(a, b, row[0], ref a0, ref b0);
                Step(a, b, row[1], ref a1, ref b1);
                Step(a, b, row[2], ref a2, ref b2);
                Step(a, b, row[3], ref a3, ref b3);
                Step(a, b, row[4], ref a4, ref b4);
                Step(a, b, row[5], ref a5, ref b5);
                Step(a, b, row[6], ref a6, ref b6);
                Step(a, b, row[7], ref a7, ref b7);
            }

            EightVectors.Store(to0, a0, a1, a2, a3, a4, a5, a6, a7);
            EightVectors.Store(to1, b0, b1, b2, b3, b4, b5, b6, b7);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step(Vector512<float> a, Vector512<float> b, float value, ref Vector512<float> sumA, ref Vector512<float> sumB)
    {
        Vector512<float> both = Vector512.Create(value);
        sumA = Vector512.FusedMultiplyAdd(a, both, sumA);
        sumB = Vector512.FusedMultiplyAdd(b, both, sumB);
    }
}
