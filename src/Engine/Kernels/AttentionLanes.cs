using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Attention of up to 16 queries of one head, a query in each lane, for AVX-512: keys and values are read where they lie, as factors of whole vectors, so that
/// narrow heads waste nothing, and a block has few keys that its first queries must not see.
/// </summary>
/// <remarks>
/// To the bit what <see cref="Attention"/> computes by matrix products: a score is one chain over the head's elements, an output one over the keys, a key's gradient
/// one over the queries, all ascending; key j of a row belongs to lane j mod 16 of its sums.
/// Matrices of scores are [keys,16]. A head size is a multiple of 8. Keys (and values) come as a shared prefix and the sequence's own, both with one distance of rows.
/// </remarks>
internal static unsafe class AttentionLanes
{
    /// <summary>Queries of a block.</summary>
    public const int Rows = Lanes.Width;

    /// <summary>Whether this machine and head size have this kernel.</summary>
    public static bool Fits(int headSize) => Avx512F.IsSupported && headSize % LaneProducts.Columns == 0;

    /// <summary>Elements of scratch that a block with so many keys needs.</summary>
    public static long Scratch(int matrices, int keys, int headSize) => Rows * (((long)matrices * keys) + (3L * headSize) + Rows);

    /// <summary>Writes the outputs of the queries and their log-sum-exps. The last query is the last own key's position.</summary>
    [SkipLocalsInit]
    public static void Forward(
        int rows, int shared, int own, int size, float scale, float* query, nint queryWidth, float* prefixKeys, float* keys, float* prefixValues, float* values,
        nint keyWidth, float* output, float* logSumExp, nint logSumExpStep, float* scratch)
    {
        int all = shared + own;
        float* p = scratch; // [all,16]
        float* turned = p + ((nint)all * Rows); // [d,16]
        float* sums = turned + (size * Rows); // [16,16]
        LaneTransposition.Turn(query, queryWidth, rows, size, turned);
        LaneProducts.Products(turned, size, prefixKeys, keyWidth, shared, p);
        LaneProducts.Products(turned, size, keys, keyWidth, own, p + ((nint)shared * Rows));

        Vector512<float> max = Vector512.Create(float.NegativeInfinity);
        for (int j = 0; j < all; j++)
        {
            max = Reduce.Greater(max, See(Vector512.Load(p + (j * (nint)Rows)), j - all + rows, Vector512.Create(float.NegativeInfinity)));
        }

        Vector512<float> factor = Vector512.Create(scale);
        Vector512<float> shift = -max * factor;
        new Span<float>(sums, Rows * Rows).Clear();
        for (int j = 0; j < all; j++)
        {
            float* at = p + (j * (nint)Rows);
            float* sum = sums + (j % Rows * Rows);
            Vector512<float> e = See(Exp(Vector512.FusedMultiplyAdd(Vector512.Load(at), factor, shift)), j - all + rows, Vector512<float>.Zero);
            (Vector512.Load(sum) + e).Store(sum);
            e.Store(at);
        }

        Vector512<float> total = ColumnSoftmax.Fold(sums);
        Vector512<float> inverse = Vector512<float>.One / total;
        LaneProducts.WeightedSum(p, shared, inverse, prefixValues, keyWidth, size, turned, resume: false);
        LaneProducts.WeightedSum(p + ((nint)shared * Rows), own, inverse, values, keyWidth, size, turned, resume: true);
        LaneTransposition.TurnBack(turned, rows, size, output, queryWidth);
        Scatter((max * factor) + VectorMath.Log(total), rows, logSumExp, logSumExpStep);
    }

    /// <summary>Writes the queries' gradients and adds to those of their keys and values.</summary>
    [SkipLocalsInit]
    public static void Backward(
        int rows, int shared, int own, int size, float scale, float* query, float* dOutput, float* dQuery, nint queryWidth,
        float* prefixKeys, float* keys, float* prefixValues, float* values, float* dPrefixKeys, float* dKeys, float* dPrefixValues, float* dValues,
        nint keyWidth, float* logSumExp, nint logSumExpStep, float* scratch)
    {
        int all = shared + own;
        float* p = scratch; // [all,16]
        float* dp = p + ((nint)all * Rows); // [all,16]
        float* turned = dp + ((nint)all * Rows); // [d,16]
        float* sums = turned + (size * Rows); // [16,16]
        nint after = (nint)shared * Rows;
        LaneTransposition.Turn(query, queryWidth, rows, size, turned);
        LaneProducts.Products(turned, size, prefixKeys, keyWidth, shared, p);
        LaneProducts.Products(turned, size, keys, keyWidth, own, p + after);
        LaneTransposition.Turn(dOutput, queryWidth, rows, size, turned);
        LaneProducts.Products(turned, size, prefixValues, keyWidth, shared, dp);
        LaneProducts.Products(turned, size, values, keyWidth, own, dp + after);

        // P = exp(s·scale - lse); dS = P ⊙ (dP - Σ P⊙dP) · scale.
        Vector512<float> factor = Vector512.Create(scale);
        Vector512<float> shift = -Gather(logSumExp, logSumExpStep, rows);
        new Span<float>(sums, Rows * Rows).Clear();
        for (int j = 0; j < all; j++)
        {
            nint at = j * (nint)Rows;
            float* sum = sums + (j % Rows * Rows);
            Vector512<float> probability =
                See(Exp(Vector512.FusedMultiplyAdd(Vector512.Load(p + at), factor, shift)), j - all + rows, Vector512<float>.Zero);
            Vector512.FusedMultiplyAdd(probability, Vector512.Load(dp + at), Vector512.Load(sum)).Store(sum);
            probability.Store(p + at);
        }

        Vector512<float> mean = ColumnSoftmax.Fold(sums);
        for (nint at = 0; at < (nint)all * Rows; at += Rows)
        {
            (Vector512.Load(p + at) * (Vector512.Load(dp + at) - mean) * factor).Store(dp + at);
        }

        LaneProducts.WeightedSum(dp, shared, Vector512<float>.One, prefixKeys, keyWidth, size, turned, resume: false); // dQ = dS·K
        LaneProducts.WeightedSum(dp + after, own, Vector512<float>.One, keys, keyWidth, size, turned, resume: true);
        LaneTransposition.TurnBack(turned, rows, size, dQuery, queryWidth);
        LaneProducts.AddOuter(dp, shared, rows, query, queryWidth, size, dPrefixKeys, keyWidth); // dK += dSᵀ·Q
        LaneProducts.AddOuter(dp + after, own, rows, query, queryWidth, size, dKeys, keyWidth);
        LaneProducts.AddOuter(p, shared, rows, dOutput, queryWidth, size, dPrefixValues, keyWidth); // dV += Pᵀ·dO
        LaneProducts.AddOuter(p + after, own, rows, dOutput, queryWidth, size, dValues, keyWidth);
    }

    /// <summary>
    /// e^x, and 0 where that is below 2^-64 (a NaN stays): beside the greatest term, which is 1, such a one is lost in every sum of float32, and its products would
    /// be denormal, on which processors spend a hundred times as long.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        Vector512<float> e = VectorMath.Exp(x);
        return Vector512.ConditionalSelect(Vector512.LessThan(e, Vector512.Create(5.421011e-20f)), Vector512<float>.Zero, e);
    }

    // The lanes that see a key; the others get `hidden`. `late`: by how many positions the key is behind the first query.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> See(Vector512<float> value, int late, Vector512<float> hidden)
        => late <= 0 ? value : Vector512.ConditionalSelect(Vector512.GreaterThanOrEqual(Vector512<int>.Indices, Vector512.Create(late)).AsSingle(), value, hidden);

    private static Vector512<float> Gather(float* from, nint step, int rows)
    {
        float* lanes = stackalloc float[Rows];
        for (int row = 0; row < rows; row++)
        {
            lanes[row] = from[row * step];
        }

        return Vector512.Load(lanes);
    }

    private static void Scatter(Vector512<float> value, int rows, float* to, nint step)
    {
        float* lanes = stackalloc float[Rows];
        value.Store(lanes);
        for (int row = 0; row < rows; row++)
        {
            to[row * step] = lanes[row];
        }
    }
}
