using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Models;

/// <summary>Keys and values of one sequence's tokens so far, per layer.</summary>
internal sealed unsafe class KeyValueCache
{
    private readonly ActivationBuffer[] _keys;
    private readonly ActivationBuffer[] _values;

    /// <summary>Reserves room for <paramref name="capacity"/> tokens.</summary>
    public KeyValueCache(ModelConfig config, int capacity)
    {
        Capacity = capacity;
        _keys = new ActivationBuffer[config.Layers];
        _values = new ActivationBuffer[config.Layers];
        for (int layer = 0; layer < config.Layers; layer++)
        {
            _keys[layer] = new ActivationBuffer();
            _values[layer] = new ActivationBuffer();
            _keys[layer].Ensure((long)capacity * config.KeyValueSize);
            _values[layer].Ensure((long)capacity * config.KeyValueSize);
        }
    }

    /// <summary>Most tokens it can hold.</summary>
    public int Capacity { get; }

    /// <summary>Tokens it holds.</summary>
    public int Count { get; set; }

    /// <summary>Keys of a layer, [capacity, G·d].</summary>
    public ActivationBuffer Keys(int layer) => _keys[layer];

    /// <summary>Values of a layer, [capacity, G·d].</summary>
    public ActivationBuffer Values(int layer) => _values[layer];
}
