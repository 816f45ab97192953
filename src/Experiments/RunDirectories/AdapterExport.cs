using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What <c>adapter/</c> holds.</summary>
/// <param name="Config">The content of <c>adapter_config.json</c>.</param>
/// <param name="Weights">The tensors of <c>adapter_model.safetensors</c>.</param>
public sealed record AdapterExport(ReadOnlyMemory<byte> Config, TensorSet Weights);

/// <summary>Says what <c>adapter/</c> shows of a global state. The same state must give the same bytes.</summary>
public interface IAdapterExport
{
    /// <summary>Returns the PEFT adapter that gives, on the base model, the state's outputs.</summary>
    AdapterExport Of(GlobalState state);
}

/// <summary>Shows the global adapter as it is: for methods that leave the base model alone.</summary>
/// <param name="config">The content of <c>adapter_config.json</c>.</param>
internal sealed class GlobalAdapterExport(ReadOnlyMemory<byte> config) : IAdapterExport
{
    /// <inheritdoc/>
    public AdapterExport Of(GlobalState state) => new(config, state.Adapter);
}
