using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>One sequence of a packed batch as attention sees it: queries of the new tokens, keys of those and of all before them.</summary>
/// <param name="QueryRow">Row of the first query in the packed batch.</param>
/// <param name="QueryCount">Number of queries.</param>
/// <param name="KeyCount">Number of keys besides those of the prefix; the last query is the last key's own position.</param>
internal readonly record struct AttentionSpan(int QueryRow, int QueryCount, int KeyCount)
{
    /// <summary>Row of the first key that this sequence shares with the span before it.</summary>
    public int PrefixRow { get; init; }

    /// <summary>Number of keys it shares with the span before it, in front of its own; 0 for a sequence by itself.</summary>
    public int PrefixCount { get; init; }
}

/// <summary>
/// Causal grouped-query attention over packed sequences (Vaswani et al., 2017; Ainslie et al., 2023): O = softmax(Q·Kᵀ/√d + mask)·V per head,
/// in blocks of queries, so that memory is linear in the sequence length. The backward pass recomputes the probabilities from each row's log-sum-exp (Dao et al., 2022).
/// </summary>
/// <remarks>
/// Every sum runs over the sequence's own keys from its own start, so a row's bits do not depend on what it is packed with nor on the block size.
/// That holds for a shared prefix as well: its keys come first, and a product's chain goes on from them to the sequence's own.
/// Query rows are [R, H·d], key and value rows [·, G·d]; head h reads group h / (H/G).
/// </remarks>
internal sealed unsafe class Attention(int heads, int groups, int headSize)
{
    private readonly bool _inLanes = AttentionLanes.Fits(headSize);
    private readonly int _blockRows = AttentionLanes.Fits(headSize) ? AttentionLanes.MostQueries : 64;
    private readonly float _scale = 1f / MathF.Sqrt(headSize);
    private readonly int _queryWidth = heads * headSize;
    private readonly int _keyWidth = groups * headSize;
    private readonly int _headsPerGroup = heads / groups;
    private ActivationBuffer[] _scratch = [];
    private float*[] _scores = [];

    /// <summary>Writes O [R, H·d] and each row's and head's log-sum-exp [R, H]. Keys and values [R, G·d] are the sequences' own rows.</summary>
    public void Forward(Workers workers, ReadOnlySpan<AttentionSpan> spans, float* query, float* key, float* value, float* output, float* logSumExp) =>
        Forward(workers, spans, query, key, value, null, null, output, logSumExp);

    /// <summary>As <see cref="Forward(Workers, ReadOnlySpan{AttentionSpan}, float*, float*, float*, float*, float*)"/>; keys and values of sequence s begin at keys[s] and values[s].</summary>
    public void ForwardCached(Workers workers, ReadOnlySpan<AttentionSpan> spans, float* query, float*[] keys, float*[] values, float* output, float* logSumExp)
    {
        fixed (float** k = keys, v = values)
        {
            Forward(workers, spans, query, null, null, k, v, output, logSumExp);
        }
    }

    /// <summary>
    /// Writes dQ [R, H·d], dK and dV [R, G·d] from dO. No cache: keys are the sequences' own rows.
    /// </summary>
    public void Backward(
        Workers workers, ReadOnlySpan<AttentionSpan> spans, float* query, float* key, float* value, float* logSumExp,
        float* dOutput, float* dQuery, float* dKey, float* dValue)
    {
        Reserve(workers, spans, 2);
        fixed (AttentionSpan* s = spans)
        fixed (float** scores = _scores)
        {
            workers.Run(
                spans.Length * groups,
                new BackwardWork(this, s, spans.Length, query, key, value, logSumExp, dOutput, dQuery, dKey, dValue, scores));
        }
    }

    private void Forward(
        Workers workers, ReadOnlySpan<AttentionSpan> spans, float* query, float* key, float* value, float** cachedKeys, float** cachedValues, float* output, float* logSumExp)
    {
        Reserve(workers, spans, 1);
        fixed (AttentionSpan* s = spans)
        fixed (float** scores = _scores)
        {
            workers.Run(spans.Length * heads, new ForwardWork(this, s, query, key, value, cachedKeys, cachedValues, output, logSumExp, scores));
        }
    }

    private void Reserve(Workers workers, ReadOnlySpan<AttentionSpan> spans, int matrices)
    {
        int longest = 0;
        foreach (AttentionSpan span in spans)
        {
            longest = Math.Max(longest, span.PrefixCount + span.KeyCount);
        }

        if (_scratch.Length < workers.Count)
        {
            _scratch = new ActivationBuffer[workers.Count];
            _scores = new float*[workers.Count];
            for (int i = 0; i < _scratch.Length; i++)
            {
                _scratch[i] = new ActivationBuffer();
            }
        }

        for (int i = 0; i < _scratch.Length; i++)
        {
            _scores[i] = _scratch[i].Ensure(_inLanes ? AttentionLanes.Scratch(matrices, longest, headSize) : (long)matrices * _blockRows * longest);
        }
    }

    // Y [M,N] = P [M, K₁+K₂] · (the prefix's K₁ rows, then K₂ own rows), one chain per element.
    private static void Sum(int m, int n, int shared, int own, float* p, float* prefixRows, float* ownRows, nint rowLength, float* y, nint yRow)
    {
        if (shared > 0)
        {
            Gemm.Multiply(null, m, n, shared, p, shared + own, 1, prefixRows, rowLength, 1, y, yRow, false);
        }

        Gemm.Multiply(null, m, n, own, p + shared, shared + own, 1, ownRows, rowLength, 1, y, yRow, shared > 0);
    }

    private readonly struct ForwardWork(
        Attention attention, AttentionSpan* spans, float* query, float* key, float* value, float** cachedKeys, float** cachedValues,
        float* output, float* logSumExp, float** scratch) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int sequence = task / attention.Heads;
            AttentionSpan span = spans[sequence];
            int head = task % attention.Heads;
            int d = attention.HeadSize;
            int qWidth = attention._queryWidth;
            int kWidth = attention._keyWidth;
            int column = head / attention._headsPerGroup * d;
            float* ownKeys = (cachedKeys is null ? key + ((long)span.QueryRow * kWidth) : cachedKeys[sequence]) + column;
            float* ownValues = (cachedValues is null ? value + ((long)span.QueryRow * kWidth) : cachedValues[sequence]) + column;
            long prefix = ((long)span.PrefixRow * kWidth) + column;
            float* scores = scratch[worker];
            int shared = span.PrefixCount;
            int before = span.KeyCount - span.QueryCount; // own keys before the first query's
            int block = attention._blockRows;
            for (int first = 0; first < span.QueryCount; first += block)
            {
                int rows = Math.Min(block, span.QueryCount - first);
                int keys = before + first + rows;
                int all = shared + keys;
                long at = span.QueryRow + first;
                float* q = query + (at * qWidth) + (head * d);
                float* o = output + (at * qWidth) + (head * d);
                if (attention._inLanes)
                {
                    AttentionLanes.Forward(
                        rows, shared, keys, d, attention._scale, q, qWidth, key + prefix, ownKeys, value + prefix, ownValues, kWidth,
                        o, logSumExp + (at * attention.Heads) + head, attention.Heads, scores);
                    continue;
                }

                Gemm.Multiply(null, rows, shared, d, q, qWidth, 1, key + prefix, 1, kWidth, scores, all, false); // [rows, shared]
                Gemm.Multiply(null, rows, keys, d, q, qWidth, 1, ownKeys, 1, kWidth, scores + shared, all, false); // [rows, keys]
                for (int i = 0; i < rows; i++)
                {
                    logSumExp[((at + i) * attention.Heads) + head] = Softmax(scores + ((long)i * all), all - rows + i + 1, all, attention._scale);
                }

                Sum(rows, d, shared, keys, scores, value + prefix, ownValues, kWidth, o, qWidth); // [rows, d]
            }
        }

        // Replaces a row of scores by probabilities of its first `visible` keys and zeros beyond; returns the log-sum-exp of the scaled scores.
        private static float Softmax(float* row, int visible, int keys, float scale)
        {
            float max = Reduce.Max(new ReadOnlySpan<float>(row, visible));
            Vector512<float> factor = Vector512.Create(scale);
            Vector512<float> shift = Vector512.Create(-max * scale);
            Vector512<float> sum = Vector512<float>.Zero;
            for (int i = 0; i < keys; i += Lanes.Width)
            {
                Vector512<float> p = Lanes.Keep(AttentionLanes.Exp(Vector512.FusedMultiplyAdd(Lanes.Load(row + i, keys - i), factor, shift)), visible - i);
                sum += p;
                Lanes.Store(p, row + i, keys - i);
            }

            float total = Reduce.FoldSum(sum);
            Vector512<float> inverse = Vector512.Create(1f / total);
            for (int i = 0; i < visible; i += Lanes.Width)
            {
                Lanes.Store(Lanes.Load(row + i, keys - i) * inverse, row + i, keys - i);
            }

            return (max * scale) + VectorMath.Log(Vector512.Create(total)).ToScalar();
        }
    }

    private readonly struct BackwardWork(
        Attention attention, AttentionSpan* spans, int count, float* query, float* key, float* value, float* logSumExp,
        float* dOutput, float* dQuery, float* dKey, float* dValue, float** scratch) : IParallelWork
    {
        // One task is one sequence and one group: its dK and dV sum over the group's heads and queries, in ascending order.
        // Sequences that share a prefix belong to one task, in their order.
        public void Execute(int task, int worker)
        {
            AttentionSpan* span = spans + (task / attention.Groups);
            int group = task % attention.Groups;
            if (span->PrefixCount > 0)
            {
                return;
            }

            Clear(*span, group);
            Accumulate(*span, group, scratch[worker]);
            for (span++; span < spans + count && span->PrefixCount > 0; span++)
            {
                Clear(*span, group);
                Accumulate(*span, group, scratch[worker]);
            }
        }

        private void Clear(in AttentionSpan span, int group)
        {
            int d = attention.HeadSize;
            for (int j = 0; j < span.KeyCount; j++)
            {
                long at = ((long)(span.QueryRow + j) * attention._keyWidth) + (group * d);
                new Span<float>(dKey + at, d).Clear();
                new Span<float>(dValue + at, d).Clear();
            }
        }

        private void Accumulate(in AttentionSpan span, int group, float* p)
        {
            int d = attention.HeadSize;
            int heads = attention.Heads;
            int qWidth = attention._queryWidth;
            int kWidth = attention._keyWidth;
            float scale = attention._scale;
            int shared = span.PrefixCount;
            long own = ((long)span.QueryRow * kWidth) + (group * d);
            long prefix = ((long)span.PrefixRow * kWidth) + (group * d);
            for (int head = group * attention._headsPerGroup; head < (group + 1) * attention._headsPerGroup; head++)
            {
                for (int first = 0; first < span.QueryCount; first += attention._blockRows)
                {
                    int rows = Math.Min(attention._blockRows, span.QueryCount - first);
                    int keys = first + rows;
                    int all = shared + keys;
                    long at = span.QueryRow + first;
                    long qAt = (at * qWidth) + (head * d);
                    float* q = query + qAt;
                    float* dO = dOutput + qAt;
                    if (attention._inLanes)
                    {
                        AttentionLanes.Backward(
                            rows, shared, keys, d, scale, q, dO, dQuery + qAt, qWidth, key + prefix, key + own, value + prefix, value + own,
                            dKey + prefix, dKey + own, dValue + prefix, dValue + own, kWidth, logSumExp + (at * heads) + head, heads, p);
                        continue;
                    }

                    float* dp = p + ((long)rows * all);
                    Gemm.Multiply(null, rows, shared, d, q, qWidth, 1, key + prefix, 1, kWidth, p, all, false); // scores [rows, shared + keys]
                    Gemm.Multiply(null, rows, keys, d, q, qWidth, 1, key + own, 1, kWidth, p + shared, all, false);
                    Gemm.Multiply(null, rows, shared, d, dO, qWidth, 1, value + prefix, 1, kWidth, dp, all, false); // dP [rows, shared + keys]
                    Gemm.Multiply(null, rows, keys, d, dO, qWidth, 1, value + own, 1, kWidth, dp + shared, all, false);
                    for (int i = 0; i < rows; i++)
                    {
                        ScoreGradient(p + ((long)i * all), dp + ((long)i * all), all - rows + i + 1, all, scale, logSumExp[((at + i) * heads) + head]);
                    }

                    Sum(rows, d, shared, keys, dp, key + prefix, key + own, kWidth, dQuery + qAt, qWidth); // dQ = dS·K
                    Gemm.Multiply(null, shared, d, rows, dp, 1, all, q, qWidth, 1, dKey + prefix, kWidth, true); // dK += dSᵀ·Q
                    Gemm.Multiply(null, keys, d, rows, dp + shared, 1, all, q, qWidth, 1, dKey + own, kWidth, true);
                    Gemm.Multiply(null, shared, d, rows, p, 1, all, dO, qWidth, 1, dValue + prefix, kWidth, true); // dV += Pᵀ·dO
                    Gemm.Multiply(null, keys, d, rows, p + shared, 1, all, dO, qWidth, 1, dValue + own, kWidth, true);
                }
            }
        }

        // P = exp(s·scale - lse); dS = P ⊙ (dP - Σ P⊙dP) · scale; both zero beyond the visible keys. The sum over the row's own products
        // cancels better than the equal dO·O.
        private static void ScoreGradient(float* p, float* dp, int visible, int keys, float scale, float logSumExp)
        {
            Vector512<float> factor = Vector512.Create(scale);
            Vector512<float> shift = Vector512.Create(-logSumExp);
            Vector512<float> sum = Vector512<float>.Zero;
            for (int i = 0; i < keys; i += Lanes.Width)
            {
                int count = keys - i;
                Vector512<float> probability = Lanes.Keep(
                    AttentionLanes.Exp(Vector512.FusedMultiplyAdd(Lanes.Load(p + i, count), factor, shift)), visible - i);
                Lanes.Store(probability, p + i, count);
                sum = Vector512.FusedMultiplyAdd(probability, Lanes.Load(dp + i, count), sum);
            }

            Vector512<float> mean = Vector512.Create(Reduce.FoldSum(sum));
            for (int i = 0; i < keys; i += Lanes.Width)
            {
                int count = keys - i;
                Lanes.Store(Lanes.Load(p + i, count) * (Lanes.Load(dp + i, count) - mean) * factor, dp + i, count);
            }
        }
    }

    private int Heads => heads;

    private int Groups => groups;

    private int HeadSize => headSize;
}
