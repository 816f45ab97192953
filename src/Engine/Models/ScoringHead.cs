using FedLLM.Engine.Kernels;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// The final norm, the head and log-softmax, only on the rows whose next token is scored and in blocks of rows, so that the logits of a whole batch never exist at once.
/// </summary>
internal sealed unsafe class ScoringHead(DecoderWeights weights, Workers workers)
{
    // Logits of one block of full-parameter training: 16 MiB.
    private const int BlockElements = 4 * 1024 * 1024;
    private readonly HeadBlocks _blocks = new(weights.Head, weights.Config.VocabularySize, weights.Config.HiddenSize, workers);
    private readonly ActivationBuffer _rows = new();
    private readonly ActivationBuffer _inverse = new();
    private readonly ActivationBuffer _normed = new();
    private readonly ActivationBuffer _logits = new();
    private readonly ActivationBuffer _dNormed = new();
    private readonly ActivationBuffer _dRows = new();
    private readonly ActivationBuffer _logProbabilities = new();

    /// <summary>Returns log p of every scored token of the batch, in its order, given the decoder's output [T,D]; valid until the next call.</summary>
    public ReadOnlySpan<float> LogProbabilities(PackedBatch batch, float* output) => LogProbabilities(batch, output, dNormed: null);

    /// <summary>
    /// As <see cref="LogProbabilities(PackedBatch, float*)"/>, and prepares <see cref="Backward"/>: the gradient of each scored token's log p by its normalised row,
    /// which does not depend on what the loss will make of it.
    /// </summary>
    /// <param name="batch">The batch.</param>
    /// <param name="output">The decoder's output, [T,D].</param>
    public ReadOnlySpan<float> LogProbabilitiesForTraining(PackedBatch batch, float* output)
        => LogProbabilities(batch, output, _dNormed.Ensure((long)batch.ScoredCount * weights.Config.HiddenSize));

    /// <summary>As <see cref="LogProbabilitiesForTraining"/>, and adds the head's own gradient.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="output">The decoder's output, [T,D].</param>
    /// <param name="factor">Factor on all gradients.</param>
    /// <param name="fullGradient">Gradients of all parameters.</param>
    public ReadOnlySpan<float> LogProbabilitiesForFullTraining(PackedBatch batch, float* output, float factor, DecoderWeights fullGradient)
    {
        int scored = batch.ScoredCount;
        int hidden = weights.Config.HiddenSize;
        int vocabulary = weights.Config.VocabularySize;
        int block = Math.Max(1, BlockElements / vocabulary);
        float* normed = Normalize(batch.ScoredRows, output); // [scored,D]
        float* result = _logProbabilities.Ensure(scored);
        float* dNormed = _dNormed.Ensure((long)scored * hidden);
        fixed (float* dHead = fullGradient.Head.Single)
        fixed (int* targets = batch.Targets)
        {
            for (int first = 0; first < scored; first += block)
            {
                int rows = Math.Min(block, scored - first);
                float* logits = Logits(normed, first, rows); // [rows,V]
                CrossEntropy.LogProbabilitiesAndGradient(workers, logits, targets + first, factor, result + first, rows, vocabulary);
                weights.Head.Multiply(workers, rows, hidden, vocabulary, logits, vocabulary, 1, 0, hidden, 1, dNormed + ((long)first * hidden), hidden, false);
                Gemm.Multiply(workers, vocabulary, hidden, rows, logits, 1, vocabulary, normed + ((long)first * hidden), hidden, 1, dHead, hidden, true);
            }
        }

        return _logProbabilities.Span(scored);
    }

    /// <summary>Writes the gradient by the decoder's output to <paramref name="dOutput"/> [T,D]; rows that score nothing become zero.</summary>
    /// <param name="batch">The batch of the last <see cref="LogProbabilitiesForTraining"/>.</param>
    /// <param name="slopes">d loss / d log p of every scored token, [scored]; empty where its factor said it all.</param>
    /// <param name="dOutput">Receives the gradient.</param>
    /// <param name="fullGradient">Gradient of the final norm, added to; null in LoRA training.</param>
    public void Backward(PackedBatch batch, ReadOnlySpan<float> slopes, float* dOutput, DecoderWeights? fullGradient = null)
    {
        int scored = batch.ScoredCount;
        int hidden = weights.Config.HiddenSize;
        float* dNormed = _dNormed.Pointer;
        float* dRows = _dRows.Ensure((long)scored * hidden);
        new Span<float>(dRows, scored * hidden).Clear();
        fixed (float* norm = weights.FinalNorm, dNorm = fullGradient?.FinalNorm, factors = slopes)
        {
            if (!slopes.IsEmpty)
            {
                Elementwise.ScaleRows(workers, factors, dNormed, scored, hidden);
            }

            if (fullGradient is not null)
            {
                RmsNorm.BackwardWeight(workers, dNormed, _rows.Pointer, _inverse.Pointer, dNorm, scored, hidden);
            }

            RmsNorm.Backward(workers, dNormed, _rows.Pointer, _inverse.Pointer, norm, dRows, scored, hidden);
        }

        new Span<float>(dOutput, batch.Rows * hidden).Clear();
        fixed (int* rows = batch.ScoredRows)
        {
            Elementwise.Scatter(workers, dRows, rows, dOutput, scored, hidden);
        }
    }

    /// <summary>Returns the logits [rows,V] of the given rows of the decoder's output; valid until the next call.</summary>
    public ReadOnlySpan<float> Logits(scoped ReadOnlySpan<int> rows, float* output)
    {
        float* normed = Normalize(rows, output);
        Logits(normed, 0, rows.Length);
        return _logits.Span(rows.Length * weights.Config.VocabularySize);
    }

    private ReadOnlySpan<float> LogProbabilities(PackedBatch batch, float* output, float* dNormed)
    {
        int scored = batch.ScoredCount;
        float* result = _logProbabilities.Ensure(scored);
        float* normed = Normalize(batch.ScoredRows, output);
        fixed (int* targets = batch.Targets)
        {
            _blocks.Run(normed, targets, scored, result, dNormed);
        }

        return _logProbabilities.Span(scored);
    }

    private float* Normalize(scoped ReadOnlySpan<int> scoredRows, float* output)
    {
        int hidden = weights.Config.HiddenSize;
        int count = scoredRows.Length;
        float* rows = _rows.Ensure((long)count * hidden);
        float* normed = _normed.Ensure((long)(count + HeadBlocks.PaddingRows) * hidden);
        new Span<float>(normed + ((long)count * hidden), HeadBlocks.PaddingRows * hidden).Clear();
        fixed (int* indices = scoredRows)
        fixed (float* norm = weights.FinalNorm)
        {
            Elementwise.Gather(workers, output, indices, rows, count, hidden);
            RmsNorm.Forward(workers, rows, norm, normed, _inverse.Ensure(count), count, hidden, weights.Config.NormEpsilon);
        }

        return normed;
    }

    private float* Logits(float* normed, int first, int rows)
    {
        int hidden = weights.Config.HiddenSize;
        int vocabulary = weights.Config.VocabularySize;
        float* logits = _logits.Ensure((long)rows * vocabulary);
        weights.Head.Multiply(workers, rows, vocabulary, hidden, normed + ((long)first * hidden), hidden, 1, 0, 1, hidden, logits, vocabulary, false);
        return logits;
    }
}
