using System.Runtime.Intrinsics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// The products of <see cref="AttentionLanes"/>: a matrix that is 16 wide, a query in each lane, with rows read where they lie. Every element is one chain of
/// fused multiply-adds in ascending order.
/// </summary>
internal static unsafe class LaneProducts
{
    /// <summary>Elements of a head, or rows, that are worked on together: so many chains fill the waits of one another.</summary>
    public const int Columns = 8;

    private const int Rows = Lanes.Width;

    /// <summary>s [N,16]: s[j] = Σ_c x[c]·y[j,c] for <paramref name="count"/> rows of y.</summary>
    public static void Products(float* x, int size, float* y, nint width, int count, float* s)
    {
        int j = 0;
        for (; j + Columns <= count; j += Columns, y += Columns * width, s += Columns * Rows)
        {
            float* y0 = y;
            float* y3 = y + (3 * width);
            float* y6 = y + (6 * width);
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            for (int c = 0; c < size; c++)
            {
                Vector512<float> value = Vector512.Load(x + (c * Rows));
                s0 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y0[c]), s0);
                s1 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y0[width + c]), s1);
                s2 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y0[(2 * width) + c]), s2);
                s3 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y3[c]), s3);
                s4 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y3[width + c]), s4);
                s5 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y3[(2 * width) + c]), s5);
                s6 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y6[c]), s6);
                s7 = Vector512.FusedMultiplyAdd(value, Vector512.Create(y6[width + c]), s7);
            }

            EightVectors.Store(s, s0, s1, s2, s3, s4, s5, s6, s7);
        }

        for (; j < count; j++, y += width, s += Rows)
        {
            Vector512<float> sum = default;
            for (int c = 0; c < size; c++)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Load(x + (c * Rows)), Vector512.Create(y[c]), sum);
            }

            sum.Store(s);
        }
    }

    /// <summary>to [d,16]: to[c] (+)= Σ_j (weights[j]·factor)·y[j,c]; d a multiple of <see cref="Columns"/>.</summary>
    public static void WeightedSum(float* weights, int count, Vector512<float> factor, float* y, nint width, int size, float* to, bool resume)
    {
        for (int c = 0; c < size; c += Columns, y += Columns, to += Columns * Rows)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default, s6 = default, s7 = default;
            if (resume)
            {
                EightVectors.Load(to, out s0, out s1, out s2, out s3, out s4, out s5, out s6, out s7);
            }

            float* row = y;
            float* weight = weights;
            for (int j = 0; j < count; j++, row += width, weight += Rows)
            {
                Vector512<float> w = Vector512.Load(weight) * factor;
                s0 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[0]), s0);
                s1 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[1]), s1);
                s2 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[2]), s2);
                s3 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[3]), s3);
                s4 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[4]), s4);
                s5 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[5]), s5);
                s6 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[6]), s6);
                s7 = Vector512.FusedMultiplyAdd(w, Vector512.Create(row[7]), s7);
            }

            EightVectors.Store(to, s0, s1, s2, s3, s4, s5, s6, s7);
        }
    }
}
