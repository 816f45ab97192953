using FedLLM.Engine.Kernels;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>Attention of several sequences' new tokens, each over its own cache. <paramref name="keyWidth"/> is G·d.</summary>
internal sealed unsafe class CachedAttention(Attention attention, int keyWidth)
{
    private float*[] _keys = [];
    private float*[] _values = [];

    /// <summary>Appends the new keys and values [T, G·d] to the caches, a span each, and writes O [T, H·d] and the log-sum-exp [T, H].</summary>
    public void Forward(
        Workers workers, int layer, ReadOnlySpan<AttentionSpan> spans, IReadOnlyList<KeyValueCache> caches,
        float* query, float* key, float* value, float* output, float* logSumExp)
    {
        if (_keys.Length < spans.Length)
        {
            _keys = new float*[spans.Length];
            _values = new float*[spans.Length];
        }

        for (int s = 0; s < spans.Length; s++)
        {
            long first = (long)spans[s].QueryRow * keyWidth;
            caches[s].Append(layer, key + first, value + first, spans[s].QueryCount);
            _keys[s] = caches[s].Keys(layer);
            _values[s] = caches[s].Values(layer);
        }

        attention.ForwardCached(workers, spans, query, _keys, _values, output, logSumExp);
    }
}
