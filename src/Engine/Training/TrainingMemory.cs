using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Engine.Training;

/// <summary>Estimates of what training holds in memory, besides the base model.</summary>
public static class TrainingMemory
{
    /// <summary>Returns about how many bytes one lane needs: its adapter with gradient and moments, and the activations of <paramref name="rows"/> rows.</summary>
    public static long BytesPerLane(ModelConfig model, LoraConfig lora, long rows, bool checkpointing)
    {
        ArgumentNullException.ThrowIfNull(model);

        // Kept in every layer: input, its norm, the stream between the branches, q, k, v and the MLP's two halves; once: the buffers of the layer at work.
        long layer = (3L * model.HiddenSize) + model.QuerySize + (2L * model.KeyValueSize) + (2L * model.IntermediateSize);
        long once = (8L * model.HiddenSize) + (3L * model.QuerySize) + (2L * model.KeyValueSize) + (2L * model.IntermediateSize);
        long perRow = once + (checkpointing ? ((long)model.Layers * model.HiddenSize) + layer : model.Layers * layer);
        long adapter = 4L * LoraLayout.For(model, lora).Count; // factors, gradient, two moments
        return sizeof(float) * (adapter + (rows * perRow));
    }
}
