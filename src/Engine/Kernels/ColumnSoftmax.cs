using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// The parts of a log-softmax over logits Z [V,S] whose columns are tokens: some rows of Z at a time, all tokens side by side in the lanes.
/// </summary>
/// <remarks>
/// A token's sum is the fixed 16-lane tree over its V values: value v goes to lane v mod 16, in ascending order. S is a multiple of 16. A NaN makes its own token NaN.
/// </remarks>
internal static unsafe class ColumnSoftmax
{
    /// <summary>Lanes of the tree: the rows of the partial sums.</summary>
    public const int SumRows = Lanes.Width;

    /// <summary>max[j] = the greatest of max[j] and the rows of z [R,S].</summary>
    public static void RaiseMax(float* z, int rows, int stride, float* max)
    {
        // Two chains a column: a comparison has its latency. The greatest value does not depend on the order.
        for (int j = 0; j < stride; j += Lanes.Width)
        {
            Vector512<float> even = Vector512.Load(max + j);
            Vector512<float> odd = even;
            float* at = z + j;
            int row = 0;
            for (; row + 2 <= rows; row += 2, at += 2 * stride)
            {
                even = Reduce.Greater(even, Vector512.Load(at));
                odd = Reduce.Greater(odd, Vector512.Load(at + stride));
            }

            if (row < rows)
            {
                even = Reduce.Greater(even, Vector512.Load(at));
            }

            Reduce.Greater(even, odd).Store(max + j);
        }
    }

    /// <summary>Turns old greatest values into factors exp(old - max); false where all of them are 1.</summary>
    public static bool Decay(float* old, float* max, int stride)
    {
        bool changed = false;
        for (int j = 0; j < stride; j += Lanes.Width)
        {
            Vector512<float> before = Vector512.Load(old + j);
            Vector512<float> now = Vector512.Load(max + j);
            changed |= !Vector512.EqualsAll(before, now);
            VectorMath.Exp(before - now).Store(old + j);
        }

        return changed;
    }

    /// <summary>z [R,S] *= factor [S], column by column.</summary>
    public static void ScaleColumns(float* z, int rows, int stride, float* factor)
    {
        for (int row = 0; row < rows; row++, z += stride)
        {
            for (int j = 0; j < stride; j += Lanes.Width)
            {
                (Vector512.Load(z + j) * Vector512.Load(factor + j)).Store(z + j);
            }
        }
    }

    /// <summary>Replaces z [R,S], the rows firstRow … firstRow + R - 1 of Z, by e = exp(z - max) and adds them to the partial sums [16,S].</summary>
    public static void Exponentials(float* z, int firstRow, int rows, int stride, float* max, float* sums)
    {
        for (int row = 0; row < rows; row++, z += stride)
        {
            float* sum = sums + ((firstRow + row) % SumRows * (nint)stride);
            for (int j = 0; j < stride; j += Lanes.Width)
            {
                Vector512<float> value = VectorMath.Exp(Vector512.Load(z + j) - Vector512.Load(max + j));
                (Vector512.Load(sum + j) + value).Store(sum + j);
                value.Store(z + j);
            }
        }
    }

    /// <summary>Folds the partial sums [16,S] into their first row: l with l + 8, l + 4, l + 2, l + 1.</summary>
    public static void Fold(float* sums, int stride)
    {
        for (int half = SumRows / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half * stride; i += Lanes.Width)
            {
                (Vector512.Load(sums + i) + Vector512.Load(sums + (half * (nint)stride) + i)).Store(sums + i);
            }
        }
    }
}
