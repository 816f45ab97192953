using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// The parts of a log-softmax over logits Z [V,16] whose columns are tokens, side by side in the lanes: some rows of Z at a time.
/// </summary>
/// <remarks>
/// A token's sum is the fixed 16-lane tree over its V values: value v goes to lane v mod 16, in ascending order. A NaN makes its own token NaN.
/// </remarks>
internal static unsafe class ColumnSoftmax
{
    /// <summary>Lanes of the tree: the rows of the partial sums.</summary>
    public const int SumRows = Lanes.Width;

    /// <summary>Returns the greatest of <paramref name="max"/> and the rows of z.</summary>
    public static Vector512<float> RaiseMax(Column z, int rows, Vector512<float> max)
    {
        // Four chains: a comparison has its latency. The greatest value does not depend on the order.
        Vector512<float> max1 = max;
        Vector512<float> max2 = max;
        Vector512<float> max3 = max;
        int row = 0;
        for (; row + 4 <= rows; row += 4, z = z.From(4))
        {
            max = Reduce.Greater(max, z[0]);
            max1 = Reduce.Greater(max1, z[1]);
            max2 = Reduce.Greater(max2, z[2]);
            max3 = Reduce.Greater(max3, z[3]);
        }

        for (; row < rows; row++, z = z.From(1))
        {
            max = Reduce.Greater(max, z[0]);
        }

        return Reduce.Greater(Reduce.Greater(max, max1), Reduce.Greater(max2, max3));
    }

    /// <summary>z *= factor, column by column.</summary>
    public static void Scale(Column z, int rows, Vector512<float> factor)
    {
        for (int row = 0; row < rows; row++)
        {
            z.Store(row, z[row] * factor);
        }
    }

    /// <summary>
    /// Replaces z, the rows firstRow … firstRow + rows - 1 of Z, by e = exp(z - max) and adds them to the partial sums [16,16]. Asks the cache for the columns
    /// that are <paramref name="next"/>, row by row.
    /// </summary>
    public static void Exponentials(Column z, int firstRow, int rows, Vector512<float> max, float* sums, Column next)
    {
        for (int row = 0; row < rows; row++, z = z.From(1))
        {
            next.Ask(row);
            float* sum = sums + ((firstRow + row) % SumRows * Lanes.Width);
            Vector512<float> value = VectorMath.Exp(z[0] - max);
            (Vector512.Load(sum) + value).Store(sum);
            z.Store(0, value);
        }
    }

    /// <summary>Folds the partial sums [16,16] into their first row and returns it: l with l + 8, l + 4, l + 2, l + 1.</summary>
    public static Vector512<float> Fold(float* sums)
    {
        for (int half = SumRows / 2; half > 0; half /= 2)
        {
            for (int i = 0; i < half * Lanes.Width; i += Lanes.Width)
            {
                (Vector512.Load(sums + i) + Vector512.Load(sums + (half * Lanes.Width) + i)).Store(sums + i);
            }
        }

        return Vector512.Load(sums);
    }
}
