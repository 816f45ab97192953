using System.Runtime.Intrinsics;
using FedLLM.Engine.Kernels;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// log p of scored tokens and its gradient by their normalised rows, a block of tokens per task and thread, with a part of the head's rows at a time: the part's
/// logits Z [R,S], a token a column, are turned into exponentials and multiplied with the same rows again while the cache holds both. Logits of the whole
/// vocabulary never exist, and threads never meet.
/// </summary>
/// <remarks>
/// The gradient is w[target] - (Σ e_v·w_v) / Σ e_v with e_v = exp(z_v - max), where max is the greatest logit so far; where a part raises it, both sums are scaled
/// by exp(old - new) (Milakov and Gimelshein, 2018, "Online normalizer calculation for softmax"). A token's bits do not depend on the blocks of tokens.
/// One product leaves the logits in the order in which the next one reads its right operand, so nothing is packed but the block's rows, once.
/// </remarks>
internal sealed unsafe class HeadBlocks(WeightMatrix head, int vocabulary, int hidden, Workers workers)
{
    // Rows of the head in a part, which decide where sums are scaled and so belong to the arithmetic; and the most tokens of a block.
    // A part of a head of 288 columns, its logits, the block's rows and their gradient are 1.4 MB: a second-level cache.
    private const int PartRows = 384;
    private const int MostTokens = 256;

    private readonly ActivationBuffer[] _scratch = [.. Enumerable.Range(0, workers.Count).Select(_ => new ActivationBuffer())];

    /// <summary>Rows of zeros that must follow the last normalised row: columns are computed by sixteens.</summary>
    public const int PaddingRows = Lanes.Width - 1;

    /// <summary>Writes log p(target) of every row and, where <paramref name="dNormed"/> is not null, its gradient by that row.</summary>
    /// <param name="normed">Normalised rows [count,D], and <see cref="PaddingRows"/> more.</param>
    /// <param name="targets">Targets, below V.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="logProbabilities">Receives log p, [count].</param>
    /// <param name="dNormed">Receives the gradients, [count,D], or null.</param>
    public void Run(float* normed, int* targets, int count, float* logProbabilities, float* dNormed)
    {
        int rounds = (count + (MostTokens * workers.Count) - 1) / (MostTokens * workers.Count);
        int blocks = Math.Min(count, rounds * workers.Count);
        for (int i = 0; i < workers.Count; i++)
        {
            // Room for the longest at once: growing would leave the smaller one behind, and untouched pages cost nothing.
            _scratch[i].Ensure(Scratch.Length(MostTokens, hidden));
        }

        workers.Run(blocks, new Work(this, normed, targets, count, blocks, logProbabilities, dNormed));
    }

    // Sixteen tokens: raises their greatest logits to the part's, scales both sums of those whose greatest changed, and turns logits into exponentials.
    private void Sixteen(in Scratch at, int token, int row, int rows, bool gradient)
    {
        Column logits = at.LogitsOf(token, rows);
        float* sums = at.Sums + (token * ColumnSoftmax.SumRows);
        Vector512<float> before = Vector512.Load(at.Max + token);
        Vector512<float> max = ColumnSoftmax.RaiseMax(logits, rows, before);
        if (row > 0 && !Vector512.EqualsAll(before, max))
        {
            // A factor of 1 for a token whose greatest logit stays.
            Vector512<float> factor = VectorMath.Exp(before - max);
            ColumnSoftmax.Scale(new Column(sums, Lanes.Width), ColumnSoftmax.SumRows, factor);
            if (gradient)
            {
                ColumnSoftmax.Scale(new Column(at.Gradient + token, at.Stride), hidden, factor);
            }
        }

        max.Store(at.Max + token);
        ColumnSoftmax.Exponentials(logits, row, rows, max, sums, at.LogitsOf(Math.Min(token + Lanes.Width, at.Stride - Lanes.Width), rows));
    }

    private void Block(float* normed, int* targets, int tokens, float* logProbabilities, float* dNormed, float* memory)
    {
        var at = new Scratch(memory, tokens, hidden);
        Gemm.Pack(at.Stride, hidden, normed, 1, hidden, at.Normed);
        new Span<float>(at.Max, at.Stride).Fill(float.NegativeInfinity);
        new Span<float>(at.Sums, ColumnSoftmax.SumRows * at.Stride).Clear();
        for (int row = 0; row < vocabulary; row += PartRows)
        {
            int rows = Math.Min(PartRows, vocabulary - row);
            head.MultiplyPacked(rows, at.Stride, hidden, (nint)row * hidden, at.Normed, at.Logits); // [R,S]
            for (int i = 0; i < tokens; i++)
            {
                if ((uint)(targets[i] - row) < (uint)rows)
                {
                    logProbabilities[i] = at.LogitsOf(i / Lanes.Width * Lanes.Width, rows)[targets[i] - row][i % Lanes.Width];
                }
            }

            for (int token = 0; token < at.Stride; token += Lanes.Width)
            {
                Sixteen(at, token, row, rows, dNormed is not null);
            }

            if (dNormed is not null)
            {
                head.MultiplyTransposedPacked(hidden, at.Stride, rows, (nint)row * hidden, at.Logits, at.Gradient, at.Stride, row > 0); // [D,S]
            }
        }

        for (int token = 0; token < tokens; token += Lanes.Width)
        {
            Vector512<float> sum = ColumnSoftmax.Fold(at.Sums + (token * ColumnSoftmax.SumRows));
            Vector512<float> logSum = VectorMath.Log(sum);
            for (int i = token; i < Math.Min(token + Lanes.Width, tokens); i++)
            {
                logProbabilities[i] = logProbabilities[i] - at.Max[i] - logSum[i - token];
                if (dNormed is not null)
                {
                    Finish(at, i, targets[i], -1f / sum[i - token], dNormed + ((nint)i * hidden));
                }
            }
        }
    }

    // to = w[target] + factor·g, g a column of the gradient.
    private void Finish(in Scratch at, int token, int target, float factor, float* to)
    {
        head.CopyTo(target * hidden, hidden, new Span<float>(to, hidden));
        float* gradient = at.Gradient + token;
        for (int i = 0; i < hidden; i++, gradient += at.Stride)
        {
            to[i] = MathF.FusedMultiplyAdd(*gradient, factor, to[i]);
        }
    }

    // A thread's own memory for a block of tokens, S of them with padding.
    private readonly struct Scratch(float* memory, int tokens, int hidden)
    {
        public int Stride { get; } = Padded(tokens);

        public float* Logits => memory; // [R,S], as Gemm packs it

        public float* Sums => Logits + (PartRows * (nint)Stride); // [S/16,16,16]

        public float* Max => Sums + (ColumnSoftmax.SumRows * (nint)Stride); // [S]

        public float* Gradient => Max + Stride; // [D,S]

        public float* Normed => Gradient + (hidden * (nint)Stride); // [D,S], as Gemm packs it

        public static long Length(int tokens, int hidden) =>
            ((PartRows + ColumnSoftmax.SumRows + 1 + hidden) * (long)Padded(tokens)) + Gemm.PackedLength(Padded(tokens), hidden);

        // The logits of sixteen tokens: within a panel or, where panels are narrower, two panels.
        public Column LogitsOf(int token, int rows)
        {
            int width = Gemm.PanelWidth;
            if (width < Lanes.Width)
            {
                return new Column(Logits + (token * (nint)rows), width, width * (nint)rows);
            }

            int first = token / width * width;
            return new Column(Logits + (first * (nint)rows) + (token - first), Math.Min(width, Stride - first));
        }

        private static int Padded(int length) => (length + Lanes.Width - 1) / Lanes.Width * Lanes.Width;
    }

    private readonly struct Work(HeadBlocks owner, float* normed, int* targets, int count, int blocks, float* logProbabilities, float* dNormed) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int first = (int)((long)count * task / blocks);
            int tokens = (int)((long)count * (task + 1) / blocks) - first;
            nint offset = (nint)first * owner.Hidden;
            owner.Block(normed + offset, targets + first, tokens, logProbabilities + first, dNormed is null ? null : dNormed + offset, owner._scratch[worker].Pointer);
        }
    }

    private int Hidden => hidden;
}
