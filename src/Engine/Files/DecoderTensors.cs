using FedLLM.Engine.Models;

namespace FedLLM.Engine.Files;

/// <summary>The tensors of a decoder, by Hugging Face's names.</summary>
internal static class DecoderTensors
{
    /// <summary>Lists names and shapes, layer after layer. A tied head has no tensor of its own.</summary>
    public static IEnumerable<(string Name, int[] Shape)> Shapes(ModelConfig config)
    {
        yield return (TensorNames.Embedding, [config.VocabularySize, config.HiddenSize]);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            yield return (TensorNames.InputNorm(layer), [config.HiddenSize]);
            yield return (TensorNames.PostAttentionNorm(layer), [config.HiddenSize]);
            foreach (LinearKind kind in TensorNames.Kinds)
            {
                (int outSize, int inSize) = TensorNames.Size(config, kind);
                yield return (TensorNames.Weight(layer, kind), [outSize, inSize]);
                if (TensorNames.HasBias(config, kind))
                {
                    yield return (TensorNames.Bias(layer, kind), [outSize]);
                }
            }
        }

        yield return (TensorNames.FinalNorm, [config.HiddenSize]);
        if (!config.TiedEmbeddings)
        {
            yield return (TensorNames.Head, [config.VocabularySize, config.HiddenSize]);
        }
    }

    /// <summary>Lists a decoder's tensors with their values.</summary>
    public static IEnumerable<NamedTensor> Of(DecoderWeights weights)
    {
        yield return new(TensorNames.Embedding, [weights.Config.VocabularySize, weights.Config.HiddenSize], weights.Embedding.Single);
        for (int i = 0; i < weights.Layers.Count; i++)
        {
            LayerWeights layer = weights.Layers[i];
            yield return new(TensorNames.InputNorm(i), [layer.InputNorm.Length], layer.InputNorm);
            yield return new(TensorNames.PostAttentionNorm(i), [layer.PostAttentionNorm.Length], layer.PostAttentionNorm);
            foreach (LinearKind kind in TensorNames.Kinds)
            {
                LinearWeights linear = layer[kind];
                yield return new(TensorNames.Weight(i, kind), [linear.OutSize, linear.InSize], linear.Weight.Single);
                if (linear.Bias is float[] bias)
                {
                    yield return new(TensorNames.Bias(i, kind), [bias.Length], bias);
                }
            }
        }

        yield return new(TensorNames.FinalNorm, [weights.FinalNorm.Length], weights.FinalNorm);
        if (!weights.Config.TiedEmbeddings)
        {
            yield return new(TensorNames.Head, [weights.Config.VocabularySize, weights.Config.HiddenSize], weights.Head.Single);
        }
    }
}
