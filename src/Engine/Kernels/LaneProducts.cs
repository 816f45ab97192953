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

    /// <summary>to[j,c] += Σ_i weights[j,i]·x[i,c]; d a multiple of <see cref="Columns"/>.</summary>
    public static void AddOuter(float* weights, int count, int rows, float* x, nint xWidth, int size, float* to, nint toWidth)
    {
        int c = 0;
        for (; c + (2 * Lanes.Width) <= size; c += 2 * Lanes.Width)
        {
            AddOuter32(weights, count, rows, x + c, xWidth, to + c, toWidth);
        }

        if (c + Lanes.Width <= size)
        {
            AddOuter16(weights, count, rows, x + c, xWidth, to + c, toWidth);
            c += Lanes.Width;
        }

        if (c < size)
        {
            AddOuter8(weights, count, rows, x + c, xWidth, to + c, toWidth);
        }
    }

    // Four rows by two vectors: eight chains, of which one fills the waits of another.
    private static void AddOuter32(float* weights, int count, int rows, float* x, nint xWidth, float* to, nint toWidth)
    {
        int whole = count & ~3;
        for (int j = 0; j < whole; j += 4, weights += 4 * Rows, to += 4 * toWidth)
        {
            float* to2 = to + (2 * toWidth);
            Vector512<float> l0 = Vector512.Load(to);
            Vector512<float> r0 = Vector512.Load(to + Lanes.Width);
            Vector512<float> l1 = Vector512.Load(to + toWidth);
            Vector512<float> r1 = Vector512.Load(to + toWidth + Lanes.Width);
            Vector512<float> l2 = Vector512.Load(to2);
            Vector512<float> r2 = Vector512.Load(to2 + Lanes.Width);
            Vector512<float> l3 = Vector512.Load(to2 + toWidth);
            Vector512<float> r3 = Vector512.Load(to2 + toWidth + Lanes.Width);
            float* row = x;
            for (int i = 0; i < rows; i++, row += xWidth)
            {
                Vector512<float> left = Vector512.Load(row);
                Vector512<float> right = Vector512.Load(row + Lanes.Width);
                Vector512<float> w0 = Vector512.Create(weights[i]);
                Vector512<float> w1 = Vector512.Create(weights[i + Rows]);
                Vector512<float> w2 = Vector512.Create(weights[i + (2 * Rows)]);
                Vector512<float> w3 = Vector512.Create(weights[i + (3 * Rows)]);
                l0 = Vector512.FusedMultiplyAdd(w0, left, l0);
                r0 = Vector512.FusedMultiplyAdd(w0, right, r0);
                l1 = Vector512.FusedMultiplyAdd(w1, left, l1);
                r1 = Vector512.FusedMultiplyAdd(w1, right, r1);
                l2 = Vector512.FusedMultiplyAdd(w2, left, l2);
                r2 = Vector512.FusedMultiplyAdd(w2, right, r2);
                l3 = Vector512.FusedMultiplyAdd(w3, left, l3);
                r3 = Vector512.FusedMultiplyAdd(w3, right, r3);
            }

            l0.Store(to);
            r0.Store(to + Lanes.Width);
            l1.Store(to + toWidth);
            r1.Store(to + toWidth + Lanes.Width);
            l2.Store(to2);
            r2.Store(to2 + Lanes.Width);
            l3.Store(to2 + toWidth);
            r3.Store(to2 + toWidth + Lanes.Width);
        }

        AddOuter16(weights, count - whole, rows, x, xWidth, to, toWidth);
        AddOuter16(weights, count - whole, rows, x + Lanes.Width, xWidth, to + Lanes.Width, toWidth);
    }

    private static void AddOuter16(float* weights, int count, int rows, float* x, nint xWidth, float* to, nint toWidth)
    {
        int j = 0;
        for (; j + 8 <= count; j += 8, weights += 8 * Rows, to += 8 * toWidth)
        {
            float* to4 = to + (4 * toWidth);
            Vector512<float> s0 = Vector512.Load(to);
            Vector512<float> s1 = Vector512.Load(to + toWidth);
            Vector512<float> s2 = Vector512.Load(to + (2 * toWidth));
            Vector512<float> s3 = Vector512.Load(to + (3 * toWidth));
            Vector512<float> s4 = Vector512.Load(to4);
            Vector512<float> s5 = Vector512.Load(to4 + toWidth);
            Vector512<float> s6 = Vector512.Load(to4 + (2 * toWidth));
            Vector512<float> s7 = Vector512.Load(to4 + (3 * toWidth));
            float* row = x;
            for (int i = 0; i < rows; i++, row += xWidth)
            {
                Vector512<float> value = Vector512.Load(row);
                s0 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i]), value, s0);
                s1 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + Rows]), value, s1);
                s2 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (2 * Rows)]), value, s2);
                s3 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (3 * Rows)]), value, s3);
                s4 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (4 * Rows)]), value, s4);
                s5 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (5 * Rows)]), value, s5);
                s6 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (6 * Rows)]), value, s6);
                s7 = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i + (7 * Rows)]), value, s7);
            }

            s0.Store(to);
            s1.Store(to + toWidth);
            s2.Store(to + (2 * toWidth));
            s3.Store(to + (3 * toWidth));
            s4.Store(to4);
            s5.Store(to4 + toWidth);
            s6.Store(to4 + (2 * toWidth));
            s7.Store(to4 + (3 * toWidth));
        }

        for (; j < count; j++, weights += Rows, to += toWidth)
        {
            Vector512<float> sum = Vector512.Load(to);
            for (int i = 0; i < rows; i++)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Create(weights[i]), Vector512.Load(x + (i * xWidth)), sum);
            }

            sum.Store(to);
        }
    }

    private static void AddOuter8(float* weights, int count, int rows, float* x, nint xWidth, float* to, nint toWidth)
    {
        int j = 0;
        for (; j + 4 <= count; j += 4, weights += 4 * Rows, to += 4 * toWidth)
        {
            Vector256<float> s0 = Vector256.Load(to);
            Vector256<float> s1 = Vector256.Load(to + toWidth);
            Vector256<float> s2 = Vector256.Load(to + (2 * toWidth));
            Vector256<float> s3 = Vector256.Load(to + (3 * toWidth));
            float* row = x;
            for (int i = 0; i < rows; i++, row += xWidth)
            {
                Vector256<float> value = Vector256.Load(row);
                s0 = Vector256.FusedMultiplyAdd(Vector256.Create(weights[i]), value, s0);
                s1 = Vector256.FusedMultiplyAdd(Vector256.Create(weights[i + Rows]), value, s1);
                s2 = Vector256.FusedMultiplyAdd(Vector256.Create(weights[i + (2 * Rows)]), value, s2);
                s3 = Vector256.FusedMultiplyAdd(Vector256.Create(weights[i + (3 * Rows)]), value, s3);
            }

            s0.Store(to);
            s1.Store(to + toWidth);
            s2.Store(to + (2 * toWidth));
            s3.Store(to + (3 * toWidth));
        }

        for (; j < count; j++, weights += Rows, to += toWidth)
        {
            Vector256<float> sum = Vector256.Load(to);
            for (int i = 0; i < rows; i++)
            {
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(weights[i]), Vector256.Load(x + (i * xWidth)), sum);
            }

            sum.Store(to);
        }
    }
}
