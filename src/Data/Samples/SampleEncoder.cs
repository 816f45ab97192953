using FedLLM.Data.Examples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;

namespace FedLLM.Data.Samples;

/// <summary>What becomes of a sample that is longer than the sequence length (<c>data.overlong</c>).</summary>
public enum OverlongPolicy
{
    /// <summary>It is excluded and counted.</summary>
    Exclude,

    /// <summary>The prompt loses tokens at its beginning until the sample fits; the response stays whole. If that alone does not fit, it is excluded.</summary>
    TrimPrompt,
}

/// <summary>Why a record is not used.</summary>
public enum ExclusionReason
{
    /// <summary>Longer than the sequence length allows; an answer is never truncated.</summary>
    Overlong,

    /// <summary>The response is empty or only white space.</summary>
    EmptyResponse,

    /// <summary>No token's last character lies in the response: the tokenizer leaves nothing of it.</summary>
    NothingScored,
}

/// <summary>
/// Tokenizes prompt + response as one string, begin-of-sequence before it where the tokenizer's configuration adds one, end-of-sequence behind it where the
/// tokenizer has one. A token is scored if and only if its last character lies in the response; end-of-sequence is always scored.
/// </summary>
/// <remarks>
/// The border comes from the tokens' offsets, never from a search for the template's ids: the search fails with tokenizers that join the template to what
/// follows it, and then a whole sample is masked without a word (TRL's response template; a known fault of OpenFedLLM with any but Llama 2's tokenizer).
/// </remarks>
public sealed class SampleEncoder
{
    private readonly ITokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private readonly int _maxLength;
    private readonly OverlongPolicy _overlong;

    /// <summary>Sets up an encoder.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">The frame.</param>
    /// <param name="maxLength">Longest sequence in tokens, special tokens included; at least 2.</param>
    /// <param name="overlong">What becomes of longer ones.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxLength"/> is below 2.</exception>
    public SampleEncoder(ITokenizer tokenizer, PromptTemplate template, int maxLength, OverlongPolicy overlong = OverlongPolicy.Exclude)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxLength, 2);
        _tokenizer = tokenizer;
        _template = template;
        _maxLength = maxLength;
        _overlong = overlong;
    }

    /// <summary>Makes the sequence of one example.</summary>
    /// <returns>The sequence, or the reason why there is none.</returns>
    public EncodedSample Encode(Example example)
    {
        if (string.IsNullOrWhiteSpace(example.Response))
        {
            return new EncodedSample(null, ExclusionReason.EmptyResponse);
        }

        string prompt = _template.Prompt(example.Instruction);
        IReadOnlyList<Token> text = _tokenizer.Encode(prompt + example.Response);
        int prefix = _tokenizer.AddsBeginOfSequence && _tokenizer.BeginOfSequenceId is not null ? 1 : 0;
        int suffix = _tokenizer.EndOfSequenceId is not null ? 1 : 0;

        // Offsets ascend, so what is scored is a tail. The sequence's first token has nothing before it to be predicted from.
        int firstScored = 1 - prefix;
        while (firstScored < text.Count && text[firstScored].End <= prompt.Length)
        {
            firstScored++;
        }

        if (firstScored >= text.Count)
        {
            return new EncodedSample(null, ExclusionReason.NothingScored);
        }

        int drop = Math.Max(0, prefix + text.Count + suffix - _maxLength);
        if (drop > 0 && (_overlong == OverlongPolicy.Exclude || drop > firstScored || prefix + firstScored - drop == 0))
        {
            return new EncodedSample(null, ExclusionReason.Overlong);
        }

        var tokens = new int[prefix + text.Count - drop + suffix];
        var scored = new bool[tokens.Length];
        for (int i = drop; i < text.Count; i++)
        {
            tokens[prefix + i - drop] = text[i].Id;
        }

        scored.AsSpan(prefix + firstScored - drop).Fill(true);
        if (prefix == 1)
        {
            tokens[0] = _tokenizer.BeginOfSequenceId!.Value;
        }

        if (suffix == 1)
        {
            tokens[^1] = _tokenizer.EndOfSequenceId!.Value;
        }

        return new EncodedSample(new TokenSequence(tokens, scored), null);
    }
}

/// <summary>A sequence, or the reason why a record has none.</summary>
/// <param name="Sequence">The sequence, or null.</param>
/// <param name="Exclusion">The reason; null exactly where there is a sequence.</param>
public readonly record struct EncodedSample(TokenSequence? Sequence, ExclusionReason? Exclusion);
