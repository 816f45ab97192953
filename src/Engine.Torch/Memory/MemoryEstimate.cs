using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Memory;

/// <summary>Estimates, by the architecture alone, of what training holds on a device besides the base model.</summary>
internal static class MemoryEstimate
{
    /// <summary>Returns about how many bytes one lane needs: its adapter with gradient, moments and start, and what autograd keeps of <paramref name="rows"/> rows.</summary>
    public static long BytesPerLane(ModelConfig model, LoraConfig lora, long rows, bool checkpointing, ScalarType type) =>
        (5L * sizeof(float) * LoraLayout.For(model, lora).Count) + (rows * BytesPerRow(model, checkpointing, type));

    /// <summary>Returns about how many bytes autograd keeps of one row.</summary>
    public static long BytesPerRow(ModelConfig model, bool checkpointing, ScalarType type)
    {
        // Kept in every layer, in elements of the model's type: queries, keys, values and the MLP's halves before and after the rotation and the gate, the
        // inputs of adapters, and the two norms, whose float32 copies count double in bfloat16.
        int element = type == ScalarType.BFloat16 ? 2 : 4;
        long copies = model.Heads / model.KeyValueHeads;
        long layer = (element * ((6L * model.HiddenSize) + (4L * model.QuerySize) + (2L * model.KeyValueSize * (1 + copies)) + (4L * model.IntermediateSize)))
            + (sizeof(float) * 4L * model.HiddenSize);
        return checkpointing ? layer + ((long)element * model.Layers * model.HiddenSize) : layer * model.Layers;
    }
}
