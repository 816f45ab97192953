namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>The parts of a <c>tokenizer.json</c>, checked.</summary>
internal sealed class TokenizerPipeline
{
    /// <summary>Token to id, added tokens not included.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>The model.</summary>
    public required BytePairModel Model { get; init; }

    /// <summary>Tokens found in the text before the model sees it.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    /// <summary>What rewrites the text, or null.</summary>
    public required INormalizer? Normalizer { get; init; }

    /// <summary>What cuts the text into words, or null.</summary>
    public required IPreTokenizer? PreTokenizer { get; init; }

    /// <summary>What turns tokens back to text.</summary>
    public required ITokenDecoder Decoder { get; init; }

    /// <summary>Id of the token put before every text, or null.</summary>
    public required int? PrefixId { get; init; }

    /// <summary>Id of the token put after every text, or null.</summary>
    public required int? SuffixId { get; init; }
}
