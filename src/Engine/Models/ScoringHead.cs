using FedLLM.Engine.Kernels;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// The final norm, the head and log-softmax, only on the rows whose next token is scored and in blocks of rows, so that the logits of a whole batch never exist at once.
/// </summary>
internal sealed unsafe class ScoringHead(DecoderWeights weights, Workers workers)
{
    // Logits of one block: 16 MiB.
    private const int BlockElements = 4 * 1024 * 1024;
    private readonly ActivationBuffer _rows = new();
    private readonly ActivationBuffer _inverse = new();
    private readonly ActivationBuffer _normed = new();
    private readonly ActivationBuffer _logits = new();
    private readonly ActivationBuffer _dNormed = new();
    private readonly ActivationBuffer _dRows = new();
    private readonly ActivationBuffer _logProbabilities = new();

    /// <summary>Returns log p of every scored token of the batch, in its order, given the decoder's output [T,D]; valid until the next call.</summary>
    public ReadOnlySpan<float> LogProbabilities(PackedBatch batch, float* output)
    {
        int scored = batch.ScoredCount;
        float* normed = Normalize(batch.ScoredRows, output);
        float* result = _logProbabilities.Ensure(scored);
        int vocabulary = weights.Config.VocabularySize;
        int block = BlockRows(vocabulary);
        fixed (int* targets = batch.Targets)
        {
            for (int first = 0; first < scored; first += block)
            {
                int rows = Math.Min(block, scored - first);
                float* logits = Logits(normed, first, rows);
                CrossEntropy.LogProbabilities(workers, logits, targets + first, result + first, rows, vocabulary);
            }
        }

        return _logProbabilities.Span(scored);
    }

    /// <summary>
    /// As <see cref="LogProbabilities"/>, and prepares <see cref="Backward"/>: the gradient of each scored token's log p by its normalised row, which does not
    /// depend on what the loss will make of it.
    /// </summary>
    /// <param name="batch">The batch.</param>
    /// <param name="output">The decoder's output, [T,D].</param>
    /// <param name="factor">Factor on all gradients.</param>
    /// <param name="fullGradient">Gradients of the head, added to; null in LoRA training.</param>
    public ReadOnlySpan<float> LogProbabilitiesForTraining(PackedBatch batch, float* output, float factor = 1, DecoderWeights? fullGradient = null)
    {
        int scored = batch.ScoredCount;
        int hidden = weights.Config.HiddenSize;
        int vocabulary = weights.Config.VocabularySize;
        int block = BlockRows(vocabulary);
        float* normed = Normalize(batch.ScoredRows, output); // [scored,D]
        float* result = _logProbabilities.Ensure(scored);
        float* dNormed = _dNormed.Ensure((long)scored * hidden);
        fixed (float* dHead = fullGradient?.Head.Single)
        fixed (int* targets = batch.Targets)
        {
            for (int first = 0; first < scored; first += block)
            {
                int rows = Math.Min(block, scored - first);
                float* logits = Logits(normed, first, rows); // [rows,V]
                CrossEntropy.LogProbabilitiesAndGradient(workers, logits, targets + first, factor, result + first, rows, vocabulary);
                weights.Head.Multiply(workers, rows, hidden, vocabulary, logits, vocabulary, hidden, 1, dNormed + ((long)first * hidden), hidden, false);
                if (fullGradient is not null)
                {
                    Gemm.Multiply(workers, vocabulary, hidden, rows, logits, 1, vocabulary, normed + ((long)first * hidden), hidden, 1, dHead, hidden, true);
                }
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

    private static int BlockRows(int vocabulary) => Math.Max(1, BlockElements / vocabulary);

    private float* Normalize(scoped ReadOnlySpan<int> scoredRows, float* output)
    {
        int hidden = weights.Config.HiddenSize;
        int count = scoredRows.Length;
        float* rows = _rows.Ensure((long)count * hidden);
        float* normed = _normed.Ensure((long)count * hidden);
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
        weights.Head.Multiply(workers, rows, vocabulary, hidden, normed + ((long)first * hidden), hidden, 1, hidden, logits, vocabulary, false);
        return logits;
    }
}
