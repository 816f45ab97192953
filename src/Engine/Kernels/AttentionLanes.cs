using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// Attention of up to 32 queries of one head, a query in each lane of one or two vectors, for AVX-512: keys and values are read where they lie, as factors of whole
/// vectors, so that narrow heads waste nothing, and a vector of queries has few keys that its first ones must not see.
/// </summary>
/// <remarks>
/// To the bit what <see cref="Attention"/> computes by matrix products: a score is one chain over the head's elements, an output one over the keys, a key's gradient
/// one over the queries, all ascending; key j of a row belongs to lane j mod 16 of its sums.
/// Matrices of scores are [keys,16], one for each vector of queries. A head size is a multiple of 8.
/// Keys (and values) come as a shared prefix and the sequence's own, both with one distance of rows.
/// </remarks>
internal static unsafe class AttentionLanes
{
    /// <summary>Queries of a block: two vectors of them.</summary>
    public const int MostQueries = 2 * Rows;

    private const int Rows = Lanes.Width;

    /// <summary>Whether this machine and head size have this kernel.</summary>
    public static bool Fits(int headSize) => Avx512F.IsSupported && headSize % LaneProducts.Columns == 0;

    /// <summary>Elements of scratch that a block with so many keys needs.</summary>
    public static long Scratch(int matrices, int keys, int headSize) => Rows * ((2L * matrices * keys) + (2L * headSize) + Rows);

    /// <summary>Writes the outputs of the queries and their log-sum-exps. The last query is the last own key's position.</summary>
    [SkipLocalsInit]
    public static void Forward(
        int rows, int shared, int own, int size, float scale, float* query, nint queryWidth, float* prefixKeys, float* keys, float* prefixValues, float* values,
        nint keyWidth, float* output, float* logSumExp, nint logSumExpStep, float* scratch)
    {
        var blocks = new QueryBlocks(rows, shared, own);
        float* p = scratch; // [first's keys,16], [keys,16]
        float* turned = p + blocks.Length; // [2,d,16]
        float* sums = turned + (2 * size * Rows); // [16,16]
        blocks.Turn(query, queryWidth, size, turned);
        blocks.Products(turned, size, prefixKeys, keys, keyWidth, p);
        Vector512<float> inverse = Softmax(p, blocks.FirstKeys, blocks.FirstRows, scale, logSumExp, logSumExpStep, sums);
        Vector512<float> inverse2 = default;
        if (blocks.SecondRows > 0)
        {
            inverse2 = Softmax(p + blocks.Second, shared + own, blocks.SecondRows, scale, logSumExp + (Rows * logSumExpStep), logSumExpStep, sums);
        }

        blocks.WeightedSum(p, inverse, inverse2, prefixValues, values, keyWidth, size, turned);
        blocks.TurnBack(turned, size, output, queryWidth);
    }

    /// <summary>Writes the queries' gradients and adds to those of their keys and values.</summary>
    [SkipLocalsInit]
    public static void Backward(
        int rows, int shared, int own, int size, float scale, float* query, float* dOutput, float* dQuery, nint queryWidth,
        float* prefixKeys, float* keys, float* prefixValues, float* values, float* dPrefixKeys, float* dKeys, float* dPrefixValues, float* dValues,
        nint keyWidth, float* logSumExp, nint logSumExpStep, float* scratch)
    {
        var blocks = new QueryBlocks(rows, shared, own);
        float* p = scratch; // [first's keys,16], [keys,16]
        float* dp = p + blocks.Length; // the same
        float* turned = dp + blocks.Length; // [2,d,16]
        float* sums = turned + (2 * size * Rows); // [16,16]
        blocks.Turn(query, queryWidth, size, turned);
        blocks.Products(turned, size, prefixKeys, keys, keyWidth, p);
        blocks.Turn(dOutput, queryWidth, size, turned);
        blocks.Products(turned, size, prefixValues, values, keyWidth, dp);
        ScoreGradient(p, dp, blocks.FirstKeys, blocks.FirstRows, scale, logSumExp, logSumExpStep, sums);
        if (blocks.SecondRows > 0)
        {
            ScoreGradient(
                p + blocks.Second, dp + blocks.Second, shared + own, blocks.SecondRows, scale, logSumExp + (Rows * logSumExpStep), logSumExpStep, sums);
        }

        blocks.WeightedSum(dp, Vector512<float>.One, Vector512<float>.One, prefixKeys, keys, keyWidth, size, turned); // dQ = dS·K
        blocks.TurnBack(turned, size, dQuery, queryWidth);
        blocks.AddOuter(dp, query, queryWidth, size, dPrefixKeys, dKeys, keyWidth); // dK += dSᵀ·Q
        blocks.AddOuter(p, dOutput, queryWidth, size, dPrefixValues, dValues, keyWidth); // dV += Pᵀ·dO
    }

    // Turns scores [keys,16] into e^(s·scale - max), writes each query's log-sum-exp and returns 1 / Σ.
    private static Vector512<float> Softmax(float* p, int keys, int rows, float scale, float* logSumExp, nint logSumExpStep, float* sums)
    {
        // All queries see all keys but those of the later ones among them.
        int seenByAll = keys - rows + 1;
        Vector512<float> max = ColumnSoftmax.RaiseMax(new Column(p, Rows), seenByAll, Vector512.Create(float.NegativeInfinity));
        for (int j = seenByAll; j < keys; j++)
        {
            max = Reduce.Greater(max, See(Vector512.Load(p + (j * (nint)Rows)), j - keys + rows, Vector512.Create(float.NegativeInfinity)));
        }

        Vector512<float> factor = Vector512.Create(scale);
        Vector512<float> shift = -max * factor;
        new Span<float>(sums, Rows * Rows).Clear();
        for (int j = 0; j < keys; j++)
        {
            float* at = p + (j * (nint)Rows);
            float* sum = sums + (j % Rows * Rows);
            Vector512<float> e = See(Exp(Vector512.FusedMultiplyAdd(Vector512.Load(at), factor, shift)), j - keys + rows, Vector512<float>.Zero);
            (Vector512.Load(sum) + e).Store(sum);
            e.Store(at);
        }

        Vector512<float> total = ColumnSoftmax.Fold(sums);
        Scatter((max * factor) + VectorMath.Log(total), rows, logSumExp, logSumExpStep);
        return Vector512<float>.One / total;
    }

    // P = exp(s·scale - lse) in place of s; dS = P ⊙ (dP - Σ P⊙dP) · scale in place of dP.
    private static void ScoreGradient(float* p, float* dp, int keys, int rows, float scale, float* logSumExp, nint logSumExpStep, float* sums)
    {
        Vector512<float> factor = Vector512.Create(scale);
        Vector512<float> shift = -Gather(logSumExp, logSumExpStep, rows);
        new Span<float>(sums, Rows * Rows).Clear();
        for (int j = 0; j < keys; j++)
        {
            nint at = j * (nint)Rows;
            float* sum = sums + (j % Rows * Rows);
            Vector512<float> probability =
                See(Exp(Vector512.FusedMultiplyAdd(Vector512.Load(p + at), factor, shift)), j - keys + rows, Vector512<float>.Zero);
            Vector512.FusedMultiplyAdd(probability, Vector512.Load(dp + at), Vector512.Load(sum)).Store(sum);
            probability.Store(p + at);
        }

        Vector512<float> mean = ColumnSoftmax.Fold(sums);
        for (nint at = 0; at < (nint)keys * Rows; at += Rows)
        {
            (Vector512.Load(p + at) * (Vector512.Load(dp + at) - mean) * factor).Store(dp + at);
        }
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
