using System.Runtime.Intrinsics;
using FedLLM.Engine.Kernels;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// log p of scored tokens and its gradient by their normalised rows, a block of tokens per task and thread, from the logits of that block alone: Z [V,S], a token a
/// column. Both products read the head's rows in their order and are cut along them, so that softmax works on what the caches hold, and threads never meet.
/// </summary>
/// <remarks>
/// The gradient is w[target] - (Σ e_v·w_v) / Σ e_v with e_v = exp(z_v - max): one pass over the exponentials feeds both sums.
/// A token's bits do not depend on the blocks.
/// </remarks>
internal sealed unsafe class HeadBlocks(WeightMatrix head, int vocabulary, int hidden, Workers workers)
{
    // Logits of all blocks at work: 48 MiB; and the most tokens of a block, which is where a longer one gains nothing.
    private const int AllElements = 12 * 1024 * 1024;
    private const int MostTokens = 192;

    // Rows of the head in a part of the products: their logits stay in the second-level cache between a product and what follows it.
    private const int ForwardRows = 1536;
    private const int BackwardRows = 384;

    private readonly ActivationBuffer[] _logits = [.. Enumerable.Range(0, workers.Count).Select(_ => new ActivationBuffer())];
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
        int most = Math.Clamp(AllElements / workers.Count / vocabulary / Lanes.Width * Lanes.Width, Lanes.Width, MostTokens);
        int rounds = (count + (most * workers.Count) - 1) / (most * workers.Count);
        int blocks = Math.Min(count, rounds * workers.Count);
        for (int i = 0; i < workers.Count; i++)
        {
            // Room for the longest at once: growing would leave the smaller one behind, and untouched pages cost nothing.
            _logits[i].Ensure((long)vocabulary * most);
            _scratch[i].Ensure((long)most * (BackwardRows + ColumnSoftmax.SumRows + 1));
        }

        workers.Run(blocks, new Work(this, normed, targets, count, blocks, logProbabilities, dNormed));
    }

    private static int Padded(int tokens) => (tokens + Lanes.Width - 1) / Lanes.Width * Lanes.Width;

    private void Forward(float* normed, int stride, float* z, float* max)
    {
        new Span<float>(max, stride).Fill(float.NegativeInfinity);
        for (int row = 0; row < vocabulary; row += ForwardRows)
        {
            int rows = Math.Min(ForwardRows, vocabulary - row);
            float* part = z + ((nint)row * stride);
            head.MultiplyFromLeft(rows, stride, hidden, (nint)row * hidden, normed, part, stride); // [rows,S]
            ColumnSoftmax.RaiseMax(part, rows, stride, max);
        }
    }

    // Σ e and, where wanted, Σ e·w.
    private void Sums(float* z, int tokens, int stride, float* max, float* e, float* sums, float* weighted)
    {
        new Span<float>(sums, ColumnSoftmax.SumRows * stride).Clear();
        for (int row = 0; row < vocabulary; row += BackwardRows)
        {
            int rows = Math.Min(BackwardRows, vocabulary - row);
            ColumnSoftmax.Exponentials(z + ((nint)row * stride), row, rows, stride, max, e, sums);
            if (weighted is not null)
            {
                head.Multiply(null, tokens, hidden, rows, e, 1, stride, (nint)row * hidden, hidden, 1, weighted, hidden, row > 0); // [tokens,D]
            }
        }

        ColumnSoftmax.Fold(sums, stride);
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

    private readonly struct Work(HeadBlocks owner, float* normed, int* targets, int count, int blocks, float* logProbabilities, float* dNormed) : IParallelWork
    {
        public void Execute(int task, int worker)
        {
            int hidden = owner.Hidden;
            int first = (int)((long)count * task / blocks);
            int tokens = (int)((long)count * (task + 1) / blocks) - first;
            int stride = Padded(tokens);
            float* z = owner._logits[worker].Pointer;
            float* e = owner._scratch[worker].Pointer; // [BackwardRows,S]
            float* sums = e + (BackwardRows * stride); // [16,S]
            float* max = sums + (ColumnSoftmax.SumRows * stride); // [S]
            float* gradient = dNormed is null ? null : dNormed + ((nint)first * hidden);
            owner.Forward(normed + ((nint)first * hidden), stride, z, max);
            owner.Sums(z, tokens, stride, max, e, sums, gradient);
            for (int i = 0; i < tokens; i++)
            {
                int target = targets[first + i];
                logProbabilities[first + i] = z[((nint)target * stride) + i] - max[i] - VectorMath.Log(Vector512.Create(sums[i])).ToScalar();
            }

            // The logits are read: their place serves as a row.
            for (int i = 0; i < tokens && gradient is not null; i++)
            {
                owner.Finish(gradient + ((nint)i * hidden), targets[first + i], sums[i], z);
            }
        }
    }

    private int Hidden => hidden;
}
