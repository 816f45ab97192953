using FedLLM.Engine.Kernels;
using FedLLM.Engine.Learners;

namespace FedLLM.Engine.Models;

/// <summary>Keys and values of one sequence's tokens so far, per layer; grows with the sequence.</summary>
internal sealed unsafe class KeyValueCache : ISequenceCache
{
    private const int LeastRows = 32;
    private readonly int _width;
    private readonly ActivationBuffer[] _keys;
    private readonly ActivationBuffer[] _values;

    /// <summary>Makes an empty cache.</summary>
    public KeyValueCache(ModelConfig config)
    {
        _width = config.KeyValueSize;
        _keys = [.. Enumerable.Range(0, config.Layers).Select(_ => new ActivationBuffer())];
        _values = [.. Enumerable.Range(0, config.Layers).Select(_ => new ActivationBuffer())];
    }

    /// <summary>Tokens it holds in every layer.</summary>
    public int Count { get; set; }

    /// <summary>Keys of a layer, [<see cref="Count"/> and what was appended, G·d]; valid until the next <see cref="Append"/>.</summary>
    public float* Keys(int layer) => _keys[layer].Pointer;

    /// <summary>Values of a layer, likewise.</summary>
    public float* Values(int layer) => _values[layer].Pointer;

    /// <summary>Puts rows [rows, G·d] of one layer behind the first <see cref="Count"/>, which stays as it is until every layer has its rows.</summary>
    public void Append(int layer, float* keys, float* values, int rows)
    {
        Extend(ref _keys[layer], keys, rows);
        Extend(ref _values[layer], values, rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void Extend(ref ActivationBuffer buffer, float* rows, int count)
    {
        long used = (long)Count * _width;
        long added = (long)count * _width;
        if (used + added > buffer.Capacity)
        {
            var larger = new ActivationBuffer();
            larger.Ensure(Math.Max(used + added, Math.Max((long)LeastRows * _width, Math.Min(2L * buffer.Capacity, 1 << 30))));
            Buffer.MemoryCopy(buffer.Pointer, larger.Pointer, used * sizeof(float), used * sizeof(float));
            GC.KeepAlive(buffer); // its array is reached by address alone
            buffer = larger;
        }

        Buffer.MemoryCopy(rows, buffer.Pointer + used, added * sizeof(float), added * sizeof(float));
    }
}
