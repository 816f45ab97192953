using FedLLM.Engine.Files;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>A base model with a correction added to some of its linear layers.</summary>
public static unsafe class CorrectedWeights
{
    /// <summary>
    /// Returns weights that hold W + B·A in float32 where <paramref name="correction"/> has factors, and share every other matrix with <paramref name="weights"/>,
    /// which stay as they are. The bits are a function of the two alone: each element is one chain of fused multiply-adds from W on.
    /// </summary>
    /// <param name="weights">The base model.</param>
    /// <param name="correction">Factors A [R, in] and B [out, R] under an adapter's names, scaling 1; R may differ by module.</param>
    /// <param name="workers">Threads, or null for this one.</param>
    /// <exception cref="ArgumentException">A factor is of no linear layer of the model, lacks its partner, or has another shape; the message names it.</exception>
    public static DecoderWeights Of(DecoderWeights weights, TensorSet correction, Workers? workers)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(correction);
        int used = 0;
        var layers = new List<LayerWeights>();
        for (int layer = 0; layer < weights.Layers.Count; layer++)
        {
            LinearWeights[] linears = [.. weights.Layers[layer].Linears];
            for (int kind = 0; kind < linears.Length; kind++)
            {
                if (correction.Layout.TryGet(TensorNames.LoraA(layer, (LinearKind)kind), out TensorSlot? a))
                {
                    string nameB = TensorNames.LoraB(layer, (LinearKind)kind);
                    TensorSlot b = correction.Layout.TryGet(nameB, out TensorSlot? partner)
                        ? partner
                        : throw new ArgumentException($"The correction has '{a.Name}' without '{nameB}'.", nameof(correction));
                    linears[kind] = Add(linears[kind], correction, a, b, workers);
                    used += 2;
                }
            }

            layers.Add(new LayerWeights
            {
                InputNorm = weights.Layers[layer].InputNorm,
                PostAttentionNorm = weights.Layers[layer].PostAttentionNorm,
                Linears = linears,
            });
        }

        if (used != correction.Layout.Slots.Count)
        {
            throw new ArgumentException($"Of the correction's {correction.Layout.Slots.Count} tensors, {used} are factors of the model's linear layers.", nameof(correction));
        }

        return new DecoderWeights
        {
            Config = weights.Config,
            Embedding = weights.Embedding,
            Head = weights.Head,
            FinalNorm = weights.FinalNorm,
            Layers = layers,
            Lasts = false,
        };
    }

    private static LinearWeights Add(LinearWeights linear, TensorSet correction, TensorSlot a, TensorSlot b, Workers? workers)
    {
        (int outSize, int inSize) = (linear.OutSize, linear.InSize);
        int rank = a.Shape[0];
        if (a.Shape.Count != 2 || b.Shape.Count != 2 || a.Shape[1] != inSize || b.Shape[0] != outSize || b.Shape[1] != rank)
        {
            throw new ArgumentException($"The correction's '{a.Name}' and its partner do not fit a layer of {inSize} inputs and {outSize} outputs.", nameof(correction));
        }

        float[] sum = new float[linear.Weight.Length]; // [out, in]
        linear.Weight.CopyTo(0, sum.Length, sum);
        fixed (float* down = correction[a], up = correction[b], w = sum)
        {
            Gemm.Multiply(workers, outSize, inSize, rank, up, rank, 1, down, inSize, 1, w, inSize, true);
        }

        return linear with { Weight = new WeightMatrix(sum) };
    }
}
