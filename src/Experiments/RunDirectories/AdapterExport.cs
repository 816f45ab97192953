using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What <c>adapter/</c> holds.</summary>
/// <param name="Config">The content of <c>adapter_config.json</c>.</param>
/// <param name="Weights">The tensors of <c>adapter_model.safetensors</c>.</param>
public sealed record AdapterExport(ReadOnlyMemory<byte> Config, TensorSet Weights);
