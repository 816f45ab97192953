namespace FedLLM.Engine.Tokenization.Training;

/// <summary>Where special tokens stand in a vocabulary.</summary>
public enum SpecialTokenPlacement
{
    /// <summary>Ids from 0 on, before the bytes.</summary>
    First,

    /// <summary>The highest ids, after all learned tokens.</summary>
    Last,
}

/// <summary>What vocabulary to learn.</summary>
public sealed record BytePairTrainerOptions
{
    /// <summary>Most tokens the vocabulary may have, special tokens included; at least 256 more than there are special tokens.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Special tokens, in the order of their ids; distinct and not empty. Default: none.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Where the special tokens stand. Default: first.</summary>
    public SpecialTokenPlacement Placement { get; init; } = SpecialTokenPlacement.First;

    /// <summary>The special token that begins a sequence, or null.</summary>
    public string? BeginOfSequence { get; init; }

    /// <summary>The special token that ends a sequence, or null.</summary>
    public string? EndOfSequence { get; init; }

    /// <summary>Whether begin-of-sequence goes before every text. Default: false.</summary>
    public bool AddsBeginOfSequence { get; init; }

    /// <summary>A pair seen less often than this is not merged; at least 1. Default: 2.</summary>
    public long MinimumCount { get; init; } = 2;

    /// <summary>Checks the options.</summary>
    /// <exception cref="ArgumentException">They contradict each other.</exception>
    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(VocabularySize, 256 + SpecialTokens.Count);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinimumCount, 1);
        if (SpecialTokens.Any(string.IsNullOrEmpty) || SpecialTokens.Distinct(StringComparer.Ordinal).Count() != SpecialTokens.Count
            || SpecialTokens.Any(token => token.Length == 1))
        {
            throw new ArgumentException("Special tokens must be distinct and of two characters at least.");
        }

        foreach (string? token in (ReadOnlySpan<string?>)[BeginOfSequence, EndOfSequence])
        {
            if (token is not null && !SpecialTokens.Contains(token))
            {
                throw new ArgumentException($"'{token}' is not among the special tokens.");
            }
        }

        if (AddsBeginOfSequence && BeginOfSequence is null)
        {
            throw new ArgumentException("There is no begin-of-sequence token to add.");
        }
    }
}
