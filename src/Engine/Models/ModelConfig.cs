namespace FedLLM.Engine.Models;

/// <summary>The decoder families the learner knows.</summary>
public enum ModelFamily
{
    /// <summary>Llama: biases only where <c>attention_bias</c> or <c>mlp_bias</c> say so.</summary>
    Llama,

    /// <summary>Qwen2: q, k and v always have a bias, though the configuration does not say so.</summary>
    Qwen2,
}

/// <summary>The architecture of a decoder, as Hugging Face's <c>config.json</c> gives it.</summary>
public sealed record ModelConfig
{
    /// <summary>The family.</summary>
    public required ModelFamily Family { get; init; }

    /// <summary>D: width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>F: width of the MLP.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>L: number of decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>H: number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>G: number of key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>d: width of one head; even.</summary>
    public required int HeadSize { get; init; }

    /// <summary>V: number of rows of the embedding.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Longest sequence the model was made for, in tokens.</summary>
    public required int MaxPositions { get; init; }

    /// <summary>Epsilon of RMSNorm.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Base of the rotary embedding's frequencies.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>How those frequencies are scaled, or null where they are not.</summary>
    public RopeScaling? RopeScaling { get; init; }

    /// <summary>Whether the head shares the embedding's matrix.</summary>
    public required bool TiedEmbeddings { get; init; }

    /// <summary>Whether q, k and v have a bias.</summary>
    public bool QkvBias { get; init; }

    /// <summary>Whether o has a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether gate, up and down have a bias.</summary>
    public bool MlpBias { get; init; }

    /// <summary>Begin-of-sequence id of the configuration, if any.</summary>
    public int? BeginOfSequenceId { get; init; }

    /// <summary>End-of-sequence ids of the configuration; generation stops at any of them.</summary>
    public IReadOnlyList<int> EndOfSequenceIds { get; init; } = [];

    /// <summary>H·d: width of the concatenated query heads.</summary>
    public int QuerySize => Heads * HeadSize;

    /// <summary>G·d: width of the concatenated key (or value) heads.</summary>
    public int KeyValueSize => KeyValueHeads * HeadSize;
}
