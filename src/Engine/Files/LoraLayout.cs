using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>The layout of an adapter: PEFT's key names, A [r, in] and B [out, r] of every targeted linear layer.</summary>
public static class LoraLayout
{
    /// <summary>Lays out the adapter that <paramref name="lora"/> describes on <paramref name="model"/>.</summary>
    /// <exception cref="ArgumentException">The adapter has no target, a rank below 1, or more than 2^31 - 1 elements.</exception>
    public static TensorLayout For(ModelConfig model, LoraConfig lora)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(lora);
        if (lora.Targets.Count == 0)
        {
            throw new ArgumentException("The adapter targets no linear layer.", nameof(lora));
        }

        return new TensorLayout(Tensors(model.Layers, lora, kind => TensorNames.Size(model, kind)));
    }

    /// <summary>Lists names and shapes of the adapter's tensors.</summary>
    internal static IEnumerable<(string Name, IReadOnlyList<int> Shape)> Tensors(int layers, LoraConfig lora, Func<LinearKind, (int Out, int In)> size)
    {
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (LinearKind kind in lora.Targets.Order())
            {
                (int outSize, int inSize) = size(kind);
                yield return (TensorNames.LoraA(layer, kind), [lora.Rank, inSize]);
                yield return (TensorNames.LoraB(layer, kind), [outSize, lora.Rank]);
            }
        }
    }
}
