using FedLLM.Data.Examples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;

namespace FedLLM.Data.Samples;

/// <summary>
/// Tokenizes the pairs of preference learning as TRL 0.7.2 does (<c>DPODataCollatorWithPadding.tokenize_batch_element</c>): the prompt and each answer apart,
/// end-of-sequence behind each answer, then three steps. Where prompt and longer answer exceed the sequence length, the prompt keeps its last
/// <c>maxPromptLength</c> tokens (truncation mode keep_end); where that is still too long, both answers keep their first maxLength - maxPromptLength tokens,
/// so that one cut short has no end-of-sequence; else nothing is cut, and a prompt may be longer than <c>maxPromptLength</c>.
/// </summary>
/// <remarks>
/// Deviations: begin-of-sequence stands before the prompt where the tokenizer's configuration adds one (TRL 0.7.2 adds none, which a Llama never saw in
/// training); it counts as a token of the prompt and stays when the prompt is cut. End-of-sequence inside the prompt is attended to (TRL 0.7.2 masks it).
/// A pair that is empty or whose answers are or become equal is excluded; TRL trains on it.
/// </remarks>
public sealed class PairEncoder : ISampleEncoder<PreferencePair>
{
    private readonly ITokenizer _tokenizer;
    private readonly PromptTemplate _template;
    private readonly int _maxLength;
    private readonly int _maxPromptLength;

    /// <summary>Sets up an encoder.</summary>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="template">The frame.</param>
    /// <param name="maxLength">Longest sequence in tokens, special tokens included.</param>
    /// <param name="maxPromptLength">Longest prompt where the sequence would be too long; at least 1 and below <paramref name="maxLength"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxPromptLength"/> is below 1 or not below <paramref name="maxLength"/>.</exception>
    public PairEncoder(ITokenizer tokenizer, PromptTemplate template, int maxLength, int maxPromptLength)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPromptLength, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(maxPromptLength, maxLength);
        _tokenizer = tokenizer;
        _template = template;
        _maxLength = maxLength;
        _maxPromptLength = maxPromptLength;
    }

    /// <inheritdoc/>
    public EncodedSample<PreferencePair> Encode(Example example)
    {
        if (example is not PreferenceExample pair)
        {
            throw new ArgumentException("Preference learning needs pairs.", nameof(example));
        }

        if (pair.Prompt.Count == 0 || string.IsNullOrWhiteSpace(pair.Prompt[^1].Text))
        {
            return Excluded(ExclusionReason.NoPrompt);
        }

        if (pair.Prompt[^1].Role != MessageRole.User || !DialogueFrame.Alternates(pair.Prompt))
        {
            return Excluded(ExclusionReason.TurnsOutOfOrder);
        }

        if (string.IsNullOrWhiteSpace(pair.Chosen) || string.IsNullOrWhiteSpace(pair.Rejected))
        {
            return Excluded(ExclusionReason.EmptyResponse);
        }

        return pair.Chosen == pair.Rejected
            ? Excluded(ExclusionReason.EqualAnswers)
            : Encode(Prompt(pair), Tokens(pair.Chosen), Tokens(pair.Rejected));
    }

    /// <inheritdoc/>
    public SampleSize Measure(PreferencePair sample) => new(
        sample.Chosen.Tokens.Length + sample.Rejected.Tokens.Length,
        sample.Chosen.Scored.AsSpan().Count(true) + sample.Rejected.Scored.AsSpan().Count(true),
        Math.Max(sample.Chosen.Tokens.Length, sample.Rejected.Tokens.Length));

    private static EncodedSample<PreferencePair> Excluded(ExclusionReason reason) => new(null, reason);

    private static TokenSequence Join(List<int> prompt, List<int> answer)
    {
        var scored = new bool[prompt.Count + answer.Count];
        scored.AsSpan(prompt.Count).Fill(true);
        return new TokenSequence([.. prompt, .. answer], scored);
    }

    private EncodedSample<PreferencePair> Encode(List<int> prompt, List<int> chosen, List<int> rejected)
    {
        // An answer's first token is predicted from the prompt's last.
        if (prompt.Count == 0 || chosen.Count == 0 || rejected.Count == 0)
        {
            return Excluded(ExclusionReason.NothingScored);
        }

        if (_tokenizer.EndOfSequenceId is { } end)
        {
            chosen.Add(end);
            rejected.Add(end);
        }

        int longer = Math.Max(chosen.Count, rejected.Count);
        int promptTokens = prompt.Count;
        int answerTokens = chosen.Count + rejected.Count;
        if (prompt.Count + longer > _maxLength && prompt.Count > _maxPromptLength)
        {
            int kept = HasBegin ? 1 : 0;
            prompt.RemoveRange(kept, prompt.Count - _maxPromptLength);
        }

        if (prompt.Count + longer > _maxLength)
        {
            int answerLength = _maxLength - _maxPromptLength;
            chosen.RemoveRange(Math.Min(answerLength, chosen.Count), Math.Max(0, chosen.Count - answerLength));
            rejected.RemoveRange(Math.Min(answerLength, rejected.Count), Math.Max(0, rejected.Count - answerLength));
        }

        var cut = new CutTokens(promptTokens - prompt.Count, answerTokens - chosen.Count - rejected.Count);
        return chosen.SequenceEqual(rejected)
            ? Excluded(ExclusionReason.EqualAnswers)
            : new EncodedSample<PreferencePair>(new PreferencePair(Join(prompt, chosen), Join(prompt, rejected)), null, cut);
    }

    private bool HasBegin => _tokenizer.AddsBeginOfSequence && _tokenizer.BeginOfSequenceId is not null;

    private List<int> Prompt(PreferenceExample pair)
    {
        var tokens = new List<int>();
        if (HasBegin)
        {
            tokens.Add(_tokenizer.BeginOfSequenceId!.Value);
        }

        foreach (TextChunk chunk in _template.Dialogue.Render(pair.System, pair.Prompt, open: true))
        {
            tokens.AddRange(Tokens(chunk.Text));
            if (chunk.Ends && _tokenizer.EndOfSequenceId is { } end)
            {
                tokens.Add(end);
            }
        }

        return tokens;
    }

    private List<int> Tokens(string text) => [.. _tokenizer.Encode(text).Select(t => t.Id)];
}
