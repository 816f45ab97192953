using FedLLM.Engine.Kernels;
using FedLLM.Engine.Models;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>
/// Causal grouped-query attention over packed sequences: one scaled-dot-product attention for each sequence, so there is neither padding nor a mask between sequences.
/// Query rows are [T,H,d], key and value rows [T,G,d]; head h reads group h / (H/G).
/// </summary>
internal static class TorchAttention
{
    /// <summary>Returns the attended rows, [T, H·d].</summary>
    /// <param name="config">The architecture.</param>
    /// <param name="spans">The sequences.</param>
    /// <param name="query">Queries, turned.</param>
    /// <param name="key">Keys, turned.</param>
    /// <param name="value">Values.</param>
    public static Tensor Forward(ModelConfig config, AttentionSpan[] spans, Tensor query, Tensor key, Tensor value)
    {
        int copies = config.Heads / config.KeyValueHeads;
        Tensor keys = Repeat(key, copies); // [T,H,d]
        Tensor values = Repeat(value, copies);
        var outputs = new Tensor[spans.Length];
        for (int s = 0; s < spans.Length; s++)
        {
            AttentionSpan span = spans[s];
            Tensor own = query.narrow(0, span.QueryRow, span.QueryCount);
            outputs[s] = span.PrefixCount == 0
                ? One(own, keys.narrow(0, span.QueryRow, span.QueryCount), values.narrow(0, span.QueryRow, span.QueryCount))
                : One(own, WithPrefix(keys, span), WithPrefix(values, span));
        }

        return (outputs.Length == 1 ? outputs[0] : cat(outputs, 0)).view(-1, config.QuerySize);
    }

    /// <summary>Returns the attended rows of sequences whose keys and values so far are in <paramref name="caches"/>, to which this layer's are appended.</summary>
    public static Tensor Cached(ModelConfig config, int layer, AttentionSpan[] spans, IReadOnlyList<TorchCache> caches, Tensor query, Tensor key, Tensor value)
    {
        int copies = config.Heads / config.KeyValueHeads;
        var outputs = new Tensor[spans.Length];
        for (int s = 0; s < spans.Length; s++)
        {
            (Tensor keys, Tensor values) = caches[s].Append(
                layer, key.narrow(0, spans[s].QueryRow, spans[s].QueryCount), value.narrow(0, spans[s].QueryRow, spans[s].QueryCount));
            outputs[s] = One(query.narrow(0, spans[s].QueryRow, spans[s].QueryCount), Repeat(keys, copies), Repeat(values, copies));
        }

        return cat(outputs, 0).view(-1, config.QuerySize);
    }

    private static Tensor Repeat(Tensor groups, int copies) => copies == 1 ? groups : groups.repeat_interleave(copies, 1);

    private static Tensor WithPrefix(Tensor rows, in AttentionSpan span) =>
        cat([rows.narrow(0, span.PrefixRow, span.PrefixCount), rows.narrow(0, span.QueryRow, span.QueryCount)], 0);

    // [q,H,d], [k,H,d] and [k,H,d] to [q,H,d]. The last query sees all keys, the one before all but the last, and so on; a lone query needs no mask.
    private static Tensor One(Tensor query, Tensor key, Tensor value)
    {
        (long queries, long keys) = (query.shape[0], key.shape[0]);
        Tensor? mask = queries > 1 && queries < keys ? ones([queries, keys], ScalarType.Bool, query.device).tril(keys - queries) : null;
        return nn.functional.scaled_dot_product_attention(Heads(query), Heads(key), Heads(value), mask, 0, queries == keys)
            .squeeze(0).transpose(0, 1);
    }

    private static Tensor Heads(Tensor rows) => rows.transpose(0, 1).unsqueeze(0); // [1,H,n,d]
}
