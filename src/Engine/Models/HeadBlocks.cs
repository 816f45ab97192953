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
/// </remarks>
internal sealed unsafe class HeadBlocks(WeightMatrix head, int vocabulary, int hidden, Workers workers)
{
    // Rows of the head in a part, which decide where sums are scaled and so belong to the arithmetic; and the most tokens of a block.
    // A part of a head of 288 columns, its logits, the block's rows and their gradient are 1.9 MB: a second-level cache.
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

    // Raises max to the part's and scales both sums where that changes it: a factor of 1 for a token whose greatest logit stays.
    private void Raise(in Scratch at, int rows, int tokens, bool first, float* gradient)
    {
        new Span<float>(at.Max, at.Stride).CopyTo(new Span<float>(at.Factor, at.Stride));
        ColumnSoftmax.RaiseMax(at.Logits, rows, at.Stride, at.Max);
        if (first || !ColumnSoftmax.Decay(at.Factor, at.Max, at.Stride))
        {
            return;
        }

        ColumnSoftmax.ScaleColumns(at.Sums, ColumnSoftmax.SumRows, at.Stride, at.Factor);
        for (int i = 0; i < tokens && gradient is not null; i++)
        {
            if (at.Factor[i] != 1f)
            {
                Elementwise.Scale(gradient + ((nint)i * hidden), at.Factor[i], hidden);
            }
        }
    }

    // g = w[target] - g / sum.
    private void Finish(float* gradient, int target, float sum, float* row)
    {
        head.CopyTo(target * hidden, hidden, new Span<float>(row, hidden));
        Vector512<float> factor = Vector512.Create(-1f / sum);
        for (int i = 0; i < hidden; i += Lanes.Width)
        {
            int count = hidden - i;
            Lanes.Store(Vector512.FusedMultiplyAdd(Lanes.Load(gradient + i, count), factor, Lanes.Load(row + i, count)), gradient + i, count);
        }
    }

    private void Block(float* normed, int* targets, int tokens, float* logProbabilities, float* gradient, float* memory)
    {
        var at = new Scratch(memory, tokens, hidden);
        Gemm.Pack(at.Stride, hidden, normed, 1, hidden, at.Normed);
        new Span<float>(at.Max, at.Stride).Fill(float.NegativeInfinity);
        new Span<float>(at.Sums, ColumnSoftmax.SumRows * at.Stride).Clear();
        for (int row = 0; row < vocabulary; row += PartRows)
        {
            int rows = Math.Min(PartRows, vocabulary - row);
            head.MultiplyFromLeft(rows, at.Stride, hidden, (nint)row * hidden, at.Normed, at.Logits, at.Stride); // [R,S]
            for (int i = 0; i < tokens; i++)
            {
                if ((uint)(targets[i] - row) < (uint)rows)
                {
                    logProbabilities[i] = at.Logits[((nint)(targets[i] - row) * at.Stride) + i];
                }
            }

            Raise(at, rows, tokens, row == 0, gradient);
            ColumnSoftmax.Exponentials(at.Logits, row, rows, at.Stride, at.Max, at.Sums);
            if (gradient is not null)
            {
                head.Multiply(null, tokens, hidden, rows, at.Logits, 1, at.Stride, (nint)row * hidden, hidden, 1, gradient, hidden, row > 0); // [tokens,D]
            }
        }

        ColumnSoftmax.Fold(at.Sums, at.Stride);
        for (int i = 0; i < tokens; i++)
        {
            logProbabilities[i] = logProbabilities[i] - at.Max[i] - VectorMath.Log(Vector512.Create(at.Sums[i])).ToScalar();
            if (gradient is not null)
            {
                Finish(gradient + ((nint)i * hidden), targets[i], at.Sums[i], at.Row);
            }
        }
    }

    // A thread's own memory for a block of tokens, S of them with padding.
    private readonly struct Scratch(float* memory, int tokens, int hidden)
    {
        public int Stride { get; } = Padded(tokens);

        public float* Logits => memory; // [R,S]

        public float* Sums => Logits + (PartRows * (nint)Stride); // [16,S]

        public float* Max => Sums + (ColumnSoftmax.SumRows * (nint)Stride); // [S]

        public float* Factor => Max + Stride; // [S]

        public float* Row => Factor + Stride; // [D]

        public float* Normed => Row + Padded(hidden);

        public static long Length(int tokens, int hidden) =>
            ((PartRows + ColumnSoftmax.SumRows + 2) * (long)Padded(tokens)) + Padded(hidden) + Gemm.PackedLength(Padded(tokens), hidden);

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
