using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>Keys and values of one sequence's tokens so far, per layer, on the device; grows with the sequence.</summary>
internal sealed class TorchCache(ModelConfig config, Device device, ScalarType type) : ISequenceCache
{
    private const int LeastRows = 64;
    private readonly Tensor?[] _keys = new Tensor?[config.Layers];
    private readonly Tensor?[] _values = new Tensor?[config.Layers];

    /// <inheritdoc/>
    public int Count { get; set; }

    /// <summary>Puts rows [n,G,d] behind the first <see cref="Count"/>, which stays until every layer has its rows; returns all keys and values of the layer, [Count + n,G,d].</summary>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values) => (Extend(ref _keys[layer], keys), Extend(ref _values[layer], values));

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor? buffer in _keys.Concat(_values))
        {
            buffer?.Dispose();
        }
    }

    private Tensor Extend(ref Tensor? buffer, Tensor rows)
    {
        long needed = Count + rows.shape[0];
        if (buffer is null || buffer.shape[0] < needed)
        {
            Tensor larger = empty([Math.Max(needed, Math.Max(LeastRows, 2 * (buffer?.shape[0] ?? 0))), config.KeyValueHeads, config.HeadSize], type, device)
                .DetachFromDisposeScope();
            if (buffer is not null)
            {
                larger.narrow(0, 0, Count).copy_(buffer.narrow(0, 0, Count));
                buffer.Dispose();
            }

            buffer = larger;
        }

        buffer.narrow(0, Count, rows.shape[0]).copy_(rows);
        return buffer.narrow(0, 0, needed);
    }
}
