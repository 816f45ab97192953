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
}
