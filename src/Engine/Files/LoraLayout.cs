using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>The layout of an adapter: PEFT's key names, A [r, in] and B [out, r] of every targeted linear layer.</summary>
public static class LoraLayout
{
    /// <summary>Lays out the adapter that <paramref name="lora"/> describes on <paramref name="model"/>.</summary>
    /// <exception cref="LoraConfigException">The adapter targets nothing, or something that cannot carry an adapter.</exception>
    /// <exception cref="ArgumentException">The adapter has a rank below 1 or more than 2^31 - 1 elements.</exception>
    public static TensorLayout For(ModelConfig model, LoraConfig lora)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(lora);
        return new TensorLayout(Tensors(lora.Modules(model.Layers), module => TensorNames.Size(model, module.Kind)));
    }

    /// <summary>Lists names and shapes of the tensors of adapted linear layers.</summary>
    internal static IEnumerable<(string Name, IReadOnlyList<int> Shape)> Tensors(
        IEnumerable<LoraModule> modules, Func<LoraModule, (int Out, int In)> size)
    {
        foreach (LoraModule module in modules)
        {
            (int outSize, int inSize) = size(module);
            yield return (TensorNames.LoraA(module.Layer, module.Kind), [module.Rank, inSize]);
            yield return (TensorNames.LoraB(module.Layer, module.Kind), [outSize, module.Rank]);
        }
    }
}
