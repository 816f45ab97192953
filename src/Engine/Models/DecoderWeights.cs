namespace FedLLM.Engine.Models;

/// <summary>The linear layers of one decoder layer, by Hugging Face's module names.</summary>
public enum LinearKind
{
    /// <summary>self_attn.q_proj, [H·d, D].</summary>
    Query,

    /// <summary>self_attn.k_proj, [G·d, D].</summary>
    Key,

    /// <summary>self_attn.v_proj, [G·d, D].</summary>
    Value,

    /// <summary>self_attn.o_proj, [D, H·d].</summary>
    Output,

    /// <summary>mlp.gate_proj, [F, D].</summary>
    Gate,

    /// <summary>mlp.up_proj, [F, D].</summary>
    Up,

    /// <summary>mlp.down_proj, [D, F].</summary>
    Down,
}

/// <summary>Weight [out, in], row-major, and optional bias [out] of a linear layer: y = W·x + b.</summary>
/// <param name="OutSize">Output features.</param>
/// <param name="InSize">Input features.</param>
/// <param name="Weight">The matrix, OutSize·InSize elements.</param>
/// <param name="Bias">The bias, or null.</param>
public sealed record LinearWeights(int OutSize, int InSize, WeightMatrix Weight, float[]? Bias = null);

/// <summary>Parameters of one decoder layer.</summary>
public sealed class LayerWeights
{
    /// <summary>input_layernorm.weight, [D].</summary>
    public required float[] InputNorm { get; init; }

    /// <summary>post_attention_layernorm.weight, [D].</summary>
    public required float[] PostAttentionNorm { get; init; }

    /// <summary>The seven linear layers, indexed by <see cref="LinearKind"/>.</summary>
    public required IReadOnlyList<LinearWeights> Linears { get; init; }

    /// <summary>One of the seven linear layers.</summary>
    public LinearWeights this[LinearKind kind] => Linears[(int)kind];
}

/// <summary>All parameters of a decoder. Shared, read-only, by everything that trains or evaluates on this base model; only full-parameter training writes to it.</summary>
public sealed class DecoderWeights
{
    private readonly Lazy<PackedLayers?> _packed;

    /// <summary>Begins a set of parameters.</summary>
    public DecoderWeights() => _packed = new Lazy<PackedLayers?>(() => Lasts ? PackedLayers.For(this) : null);

    /// <summary>The architecture these parameters belong to.</summary>
    public required ModelConfig Config { get; init; }

    /// <summary>model.embed_tokens.weight, [V, D].</summary>
    public required WeightMatrix Embedding { get; init; }

    /// <summary>lm_head.weight, [V, D]; the same matrix as <see cref="Embedding"/> when tied.</summary>
    public required WeightMatrix Head { get; init; }

    /// <summary>model.norm.weight, [D].</summary>
    public required float[] FinalNorm { get; init; }

    /// <summary>The decoder layers, from the embedding up.</summary>
    public required IReadOnlyList<LayerWeights> Layers { get; init; }

    /// <summary>Whether these weights last: packed copies of those that serve a round only would cost more than they save.</summary>
    public bool Lasts { get; init; } = true;

    /// <summary>The linear layers packed, for weights that last and that nobody writes to any more; null where that would take too much memory.</summary>
    internal PackedLayers? Packed => _packed.Value;

    /// <summary>Every parameter once (a tied head is not repeated), in a fixed order.</summary>
    /// <exception cref="InvalidOperationException">The weights are kept as bfloat16.</exception>
    public IEnumerable<(float[] Values, bool IsMatrix)> Parameters()
    {
        yield return (Embedding.Single, true);
        foreach (LayerWeights layer in Layers)
        {
            yield return (layer.InputNorm, false);
            yield return (layer.PostAttentionNorm, false);
            foreach (LinearWeights linear in layer.Linears)
            {
                yield return (linear.Weight.Single, true);
                if (linear.Bias is not null)
                {
                    yield return (linear.Bias, false);
                }
            }
        }

        yield return (FinalNorm, false);
        if (!ReferenceEquals(Head, Embedding))
        {
            yield return (Head.Single, true);
        }
    }

    /// <summary>Zeros of the same shapes, tied where these are tied: a place for gradients.</summary>
    public DecoderWeights ZerosLike()
    {
        var embedding = new WeightMatrix(new float[Embedding.Length]);
        return new DecoderWeights
        {
            Config = Config,
            Embedding = embedding,
            Head = ReferenceEquals(Head, Embedding) ? embedding : new WeightMatrix(new float[Head.Length]),
            FinalNorm = new float[FinalNorm.Length],
            Layers =
            [
                .. Layers.Select(layer => new LayerWeights
                {
                    InputNorm = new float[layer.InputNorm.Length],
                    PostAttentionNorm = new float[layer.PostAttentionNorm.Length],
                    Linears =
                    [
                        .. layer.Linears.Select(l => l with { Weight = new WeightMatrix(new float[l.Weight.Length]), Bias = l.Bias is null ? null : new float[l.Bias.Length] }),
                    ],
                }),
            ],
        };
    }
}
