using System.Runtime.Intrinsics;
using FedLLM.Numerics;

namespace FedLLM.Engine.Kernels;

/// <summary>One sequence of a packed batch as attention sees it: queries of the new tokens, keys of those and of all before them.</summary>
/// <param name="QueryRow">Row of the first query in the packed batch.</param>
/// <param name="QueryCount">Number of queries.</param>
/// <param name="KeyCount">Number of keys; the last query is the last key's own position.</param>
internal readonly record struct AttentionSpan(int QueryRow, int QueryCount, int KeyCount);

/// <summary>
/// Causal grouped-query attention over packed sequences (Vaswani et al., 2017; Ainslie et al., 2023): O = softmax(Q·Kᵀ/√d + mask)·V per head,
/// in blocks of queries, so that memory is linear in the sequence length. The backward pass recomputes the probabilities from each row's log-sum-exp (Dao et al., 2022).
/// </summary>
/// <remarks>
/// Every sum runs over the sequence's own keys from its own start, so a row's bits do not depend on what it is packed with nor on the block size.
/// Query rows are [R, H·d], key and value rows [·, G·d]; head h reads group h / (H/G).
/// </remarks>
internal sealed unsafe class Attention(int heads, int groups, int headSize)
{
    private const int BlockRows = 64;
    private readonly float _scale = 1f / MathF.Sqrt(headSize);
    private readonly int _queryWidth = heads * headSize;
    private readonly int _keyWidth = groups * headSize;
    private readonly int _headsPerGroup = heads / groups;
    private ActivationBuffer[] _scratch = [];
    private float*[] _scores = [];

    /// <summary>
    /// Writes O [R, H·d] and each row's and head's log-sum-exp [R, H]. Keys and values of sequence s start at key[s·keyStride] and value[s·keyStride] where
    /// <paramref name="cached"/>, else at the sequence's own rows.
    /// </summary>
    public void Forward(Workers workers, ReadOnlySpan<AttentionSpan> spans, float* query, float* key, float* value, bool cached, float* output, float* logSumExp)
    {
        Reserve(workers, spans, 1);
        fixed (AttentionSpan* s = spans)
        fixed (float** scores = _scores)
        {
            workers.Run(spans.Length * heads, new ForwardWork(this, s, query, key, value, cached, output, logSumExp, scores));
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
                new BackwardWork(this, s, query, key, value, logSumExp, dOutput, dQuery, dKey, dValue, scores));
        }
    }

    private void Reserve(Workers workers, ReadOnlySpan<AttentionSpan> spans, int matrices)
    {
        int longest = 0;
        foreach (AttentionSpan span in spans)
        {
            longest = Math.Max(longest, span.KeyCount);
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
            _scores[i] = _scratch[i].Ensure((long)matrices * BlockRows * longest);
        }
    }

    private readonly struct ForwardWork(
        Attention attention, AttentionSpan* spans, float* query, float* key, float* value, bool cached, float* output, float* logSumExp, float** scratch) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            AttentionSpan span = spans[task / attention.Heads];
            int head = task % attention.Heads;
            int d = attention.HeadSize;
            int qWidth = attention._queryWidth;
            int kWidth = attention._keyWidth;
            long keyStart = (cached ? 0 : (long)span.QueryRow * kWidth) + (head / attention._headsPerGroup * d);
            float* k = key + keyStart;
            float* v = value + keyStart;
            float* scores = scratch[worker];
            int before = span.KeyCount - span.QueryCount; // keys before the first query's own
            for (int first = 0; first < span.QueryCount; first += BlockRows)
            {
                int rows = Math.Min(BlockRows, span.QueryCount - first);
                int keys = before + first + rows;
                long at = span.QueryRow + first;
                float* q = query + (at * qWidth) + (head * d);
                float* o = output + (at * qWidth) + (head * d);
                Gemm.Multiply(null, rows, keys, d, q, qWidth, 1, k, 1, kWidth, scores, keys, false); // [rows, keys]
                for (int i = 0; i < rows; i++)
                {
                    logSumExp[((at + i) * attention.Heads) + head] = Softmax(scores + ((long)i * keys), before + first + i + 1, keys, attention._scale);
                }

                Gemm.Multiply(null, rows, d, keys, scores, keys, 1, v, kWidth, 1, o, qWidth, false); // [rows, d]
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
                Vector512<float> p = Lanes.Keep(VectorMath.Exp(Vector512.FusedMultiplyAdd(Lanes.Load(row + i, keys - i), factor, shift)), visible - i);
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
        Attention attention, AttentionSpan* spans, float* query, float* key, float* value, float* logSumExp,
        float* dOutput, float* dQuery, float* dKey, float* dValue, float** scratch) : IParallelWork
    {
        // One task is one sequence and one group: its dK and dV sum over the group's heads and queries, in ascending order.
        public void Execute(int task, int worker)
        {
            AttentionSpan span = spans[task / attention.Groups];
            int group = task % attention.Groups;
            int d = attention.HeadSize;
            int heads = attention.Heads;
            int qWidth = attention._queryWidth;
            int kWidth = attention._keyWidth;
            float scale = attention._scale;
            long keyStart = ((long)span.QueryRow * kWidth) + (group * d);
            float* k = key + keyStart;
            float* v = value + keyStart;
            float* dk = dKey + keyStart;
            float* dv = dValue + keyStart;
            for (int j = 0; j < span.KeyCount; j++)
            {
                new Span<float>(dk + ((long)j * kWidth), d).Clear();
                new Span<float>(dv + ((long)j * kWidth), d).Clear();
            }

            float* p = scratch[worker];
            for (int head = group * attention._headsPerGroup; head < (group + 1) * attention._headsPerGroup; head++)
            {
                for (int first = 0; first < span.QueryCount; first += BlockRows)
                {
                    int rows = Math.Min(BlockRows, span.QueryCount - first);
                    int keys = first + rows;
                    long at = span.QueryRow + first;
                    long qAt = (at * qWidth) + (head * d);
                    float* dp = p + ((long)rows * keys);
                    Gemm.Multiply(null, rows, keys, d, query + qAt, qWidth, 1, k, 1, kWidth, p, keys, false); // scores [rows, keys]
                    Gemm.Multiply(null, rows, keys, d, dOutput + qAt, qWidth, 1, v, 1, kWidth, dp, keys, false); // dP [rows, keys]
                    for (int i = 0; i < rows; i++)
                    {
                        ScoreGradient(p + ((long)i * keys), dp + ((long)i * keys), first + i + 1, keys, scale, logSumExp[((at + i) * heads) + head]);
                    }

                    Gemm.Multiply(null, rows, d, keys, dp, keys, 1, k, kWidth, 1, dQuery + qAt, qWidth, false); // dQ = dS·K
                    Gemm.Multiply(null, keys, d, rows, dp, 1, keys, query + qAt, qWidth, 1, dk, kWidth, true); // dK += dSᵀ·Q
                    Gemm.Multiply(null, keys, d, rows, p, 1, keys, dOutput + qAt, qWidth, 1, dv, kWidth, true); // dV += Pᵀ·dO
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
                    VectorMath.Exp(Vector512.FusedMultiplyAdd(Lanes.Load(p + i, count), factor, shift)), visible - i);
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
