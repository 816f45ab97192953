using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using FedLLM.Numerics.Kernels;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// to[j,c] += Σ_i weights[j,i]·x[i,c] over the queries i of one vector or of two that follow each other, those of the first one first: what keys and values receive in
/// the backward pass. Every element is one chain of fused multiply-adds.
/// </summary>
/// <param name="x">The queries' rows, the second vector's after the first one's.</param>
/// <param name="xWidth">Distance of two of them.</param>
/// <param name="rows">Queries of the first vector.</param>
/// <param name="secondRows">Queries of the second vector, or 0.</param>
/// <param name="second">How far behind the first vector's weights [j,16] the second one's lie.</param>
internal readonly unsafe struct OuterProducts(float* x, nint xWidth, int rows, int secondRows = 0, nint second = 0)
{
    private const int Rows = Lanes.Width;

    /// <summary>Adds them to <paramref name="count"/> rows of <paramref name="to"/>; d a multiple of 8.</summary>
    public void AddTo(float* to, nint toWidth, int count, int size, float* weights)
    {
        int whole = size / (2 * Rows) * (2 * Rows);
        for (int c = 0; c < whole; c += 2 * Rows)
        {
            AddTwoVectors(to + c, toWidth, count, c, weights);
        }

        if (whole + Rows <= size)
        {
            AddVector<Lanes16, Vector512<float>>(to + whole, toWidth, count, whole, weights);
            whole += Rows;
        }

        if (whole < size)
        {
            AddVector<Lanes8, Vector256<float>>(to + whole, toWidth, count, whole, weights);
        }
    }

    // Four rows by two vectors: eight chains, of which one fills the waits of another.
    private void AddTwoVectors(float* to, nint toWidth, int count, int column, float* weights)
    {
        int whole = count & ~3;
        for (int j = 0; j < whole; j += 4, weights += 4 * Rows, to += 4 * toWidth)
        {
            float* to2 = to + (2 * toWidth);
            Vector512<float> l0 = Vector512.Load(to);
            Vector512<float> r0 = Vector512.Load(to + Rows);
            Vector512<float> l1 = Vector512.Load(to + toWidth);
            Vector512<float> r1 = Vector512.Load(to + toWidth + Rows);
            Vector512<float> l2 = Vector512.Load(to2);
            Vector512<float> r2 = Vector512.Load(to2 + Rows);
            Vector512<float> l3 = Vector512.Load(to2 + toWidth);
            Vector512<float> r3 = Vector512.Load(to2 + toWidth + Rows);
            float* row = x + column;
            for (int vector = 0; vector < 2; vector++)
            {
                float* weight = weights + (vector * second);
                int queries = vector == 0 ? rows : secondRows;
                for (int i = 0; i < queries; i++, row += xWidth)
                {
                    Vector512<float> left = Vector512.Load(row);
                    Vector512<float> right = Vector512.Load(row + Rows);
                    Vector512<float> w0 = Vector512.Create(weight[i]);
                    Vector512<float> w1 = Vector512.Create(weight[i + Rows]);
                    Vector512<float> w2 = Vector512.Create(weight[i + (2 * Rows)]);
                    Vector512<float> w3 = Vector512.Create(weight[i + (3 * Rows)]);
                    l0 = Vector512.FusedMultiplyAdd(w0, left, l0);
                    r0 = Vector512.FusedMultiplyAdd(w0, right, r0);
                    l1 = Vector512.FusedMultiplyAdd(w1, left, l1);
                    r1 = Vector512.FusedMultiplyAdd(w1, right, r1);
                    l2 = Vector512.FusedMultiplyAdd(w2, left, l2);
                    r2 = Vector512.FusedMultiplyAdd(w2, right, r2);
                    l3 = Vector512.FusedMultiplyAdd(w3, left, l3);
                    r3 = Vector512.FusedMultiplyAdd(w3, right, r3);
                }
            }

            l0.Store(to);
            r0.Store(to + Rows);
            l1.Store(to + toWidth);
            r1.Store(to + toWidth + Rows);
            l2.Store(to2);
            r2.Store(to2 + Rows);
            l3.Store(to2 + toWidth);
            r3.Store(to2 + toWidth + Rows);
        }

        AddVector<Lanes16, Vector512<float>>(to, toWidth, count - whole, column, weights);
        AddVector<Lanes16, Vector512<float>>(to + Rows, toWidth, count - whole, column + Rows, weights);
    }

    // Eight rows by one vector.
    private void AddVector<TLanes, TVector>(float* to, nint toWidth, int count, int column, float* weights)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct
    {
        int whole = count & ~7;
        for (int j = 0; j < whole; j += 8, weights += 8 * Rows, to += 8 * toWidth)
        {
            float* to4 = to + (4 * toWidth);
            TVector s0 = TLanes.Load(to);
            TVector s1 = TLanes.Load(to + toWidth);
            TVector s2 = TLanes.Load(to + (2 * toWidth));
            TVector s3 = TLanes.Load(to + (3 * toWidth));
            TVector s4 = TLanes.Load(to4);
            TVector s5 = TLanes.Load(to4 + toWidth);
            TVector s6 = TLanes.Load(to4 + (2 * toWidth));
            TVector s7 = TLanes.Load(to4 + (3 * toWidth));
            float* row = x + column;
            for (int vector = 0; vector < 2; vector++)
            {
                float* weight = weights + (vector * second);
                int queries = vector == 0 ? rows : secondRows;
                for (int i = 0; i < queries; i++, row += xWidth)
                {
                    TVector value = TLanes.Load(row);
                    Step<TLanes, TVector>(weight[i], value, ref s0);
                    Step<TLanes, TVector>(weight[i + Rows], value, ref s1);
                    Step<TLanes, TVector>(weight[i + (2 * Rows)], value, ref s2);
                    Step<TLanes, TVector>(weight[i + (3 * Rows)], value, ref s3);
                    Step<TLanes, TVector>(weight[i + (4 * Rows)], value, ref s4);
                    Step<TLanes, TVector>(weight[i + (5 * Rows)], value, ref s5);
                    Step<TLanes, TVector>(weight[i + (6 * Rows)], value, ref s6);
                    Step<TLanes, TVector>(weight[i + (7 * Rows)], value, ref s7);
                }
            }

            TLanes.Store(s0, to);
            TLanes.Store(s1, to + toWidth);
            TLanes.Store(s2, to + (2 * toWidth));
            TLanes.Store(s3, to + (3 * toWidth));
            TLanes.Store(s4, to4);
            TLanes.Store(s5, to4 + toWidth);
            TLanes.Store(s6, to4 + (2 * toWidth));
            TLanes.Store(s7, to4 + (3 * toWidth));
        }

        for (int j = whole; j < count; j++, weights += Rows, to += toWidth)
        {
            TVector sum = TLanes.Load(to);
            float* row = x + column;
            for (int vector = 0; vector < 2; vector++)
            {
                float* weight = weights + (vector * second);
                int queries = vector == 0 ? rows : secondRows;
                for (int i = 0; i < queries; i++, row += xWidth)
                {
                    Step<TLanes, TVector>(weight[i], TLanes.Load(row), ref sum);
                }
            }

            TLanes.Store(sum, to);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TLanes, TVector>(float weight, TVector value, ref TVector sum)
        where TLanes : struct, ILanes<TVector>
        where TVector : struct => sum = TLanes.FusedMultiplyAdd(TLanes.Broadcast(weight), value, sum);
}
