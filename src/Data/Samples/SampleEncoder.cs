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

/// <summary>Which tokens the loss counts (<c>data.scored</c>).</summary>
public enum ScoredTokens
{
    /// <summary>The responses and the end-of-sequence behind each.</summary>
    Response,

    /// <summary>Every token but the sequence's first (Shepherd's train_on_inputs).</summary>
    All,
}

/// <summary>Which of a dialogue's answers count as responses (<c>data.turns</c>).</summary>
public enum TrainedTurns
{
    /// <summary>All of them.</summary>
    Every,

    /// <summary>The last; those before it belong to the prompt.</summary>
    Last,
}

/// <summary>
/// Tokenizes prompt + response as one string, begin-of-sequence before it where the tokenizer's configuration adds one, end-of-sequence behind it where the
/// tokenizer has one. A token is scored if and only if its last character lies in the response; end-of-sequence is always scored. In a dialogue each
/// question with its answer is one such string, begin-of-sequence stands before the first, and every answer that counts is a response.
/// </summary>
/// <remarks>
/// The border comes from the tokens' offsets, never from a search for the template's ids: the search fails with tokenizers that join the template to what
/// follows it, and then a whole sample is masked without a word (TRL's response template; a known fault of OpenFedLLM with any but Llama 2's tokenizer).
/// </remarks>
public sealed class SampleEncoder : ISampleEncoder<TokenSequence>
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

    /// <summary>Which tokens the loss counts.</summary>
    public ScoredTokens Scored { get; init; }

    /// <summary>Which of a dialogue's answers count as responses.</summary>
    public TrainedTurns Turns { get; init; }

    /// <inheritdoc/>
    public EncodedSample<TokenSequence> Encode(Example example) => example switch
    {
        InstructionExample { Response: var response } when string.IsNullOrWhiteSpace(response) => Excluded(ExclusionReason.EmptyResponse),
        InstructionExample e => Encode([Chunk(_template.Prompt(e.Instruction), e.Response)]),
        DialogueExample e => Encode(e),
        _ => throw new ArgumentException("A preference pair is no sample of instruction tuning.", nameof(example)),
    };

    /// <inheritdoc/>
    public SampleSize Measure(TokenSequence sample) => new(sample.Tokens.Length, sample.Scored.AsSpan().Count(true), sample.Tokens.Length);

    private static EncodedSample<TokenSequence> Excluded(ExclusionReason reason) => new(null, reason);

    private static TextChunk Chunk(string prompt, string response) => new(prompt + response, prompt.Length, Ends: true);

    private EncodedSample<TokenSequence> Encode(DialogueExample dialogue)
    {
        if (!DialogueFrame.Alternates(dialogue.Turns))
        {
            return Excluded(ExclusionReason.TurnsOutOfOrder);
        }

        // Nothing scored follows a question without an answer, so it is left away.
        int count = dialogue.Turns.Count / 2 * 2;
        Message[] turns = [.. dialogue.Turns.Take(count)];
        bool IsTrained(int turn) => turn % 2 == 1 && (Turns == TrainedTurns.Every || turn == count - 1);
        if (count == 0 || turns.Where((turn, i) => IsTrained(i) && string.IsNullOrWhiteSpace(turn.Text)).Any())
        {
            return Excluded(ExclusionReason.EmptyResponse);
        }

        return Encode(_template.Dialogue.Render(dialogue.System, turns, open: false));
    }

    private EncodedSample<TokenSequence> Encode(IReadOnlyList<TextChunk> chunks)
    {
        var tokens = new List<int>();
        var scored = new List<bool>();
        int prefix = 0;
        if (_tokenizer.AddsBeginOfSequence && _tokenizer.BeginOfSequenceId is { } begin)
        {
            tokens.Add(begin);
            scored.Add(false);
            prefix = 1;
        }

        for (int i = 0; i < chunks.Count; i++)
        {
            TextChunk chunk = chunks[i];
            bool isResponse = Turns == TrainedTurns.Every || i == chunks.Count - 1;
            bool any = false;
            foreach (Token token in _tokenizer.Encode(chunk.Text))
            {
                // The sequence's first token has nothing before it to be predicted from.
                bool counts = isResponse && token.End > chunk.AnswerStart && tokens.Count > 0;
                any |= counts;
                tokens.Add(token.Id);
                scored.Add(counts);
            }

            if (isResponse && !any)
            {
                return Excluded(ExclusionReason.NothingScored);
            }

            if (chunk.Ends && _tokenizer.EndOfSequenceId is { } end)
            {
                tokens.Add(end);
                scored.Add(isResponse);
            }
        }

        int drop = Math.Max(0, tokens.Count - _maxLength);
        int promptTokens = scored.IndexOf(true) - prefix;
        if (drop > 0 && (_overlong == OverlongPolicy.Exclude || drop > promptTokens || prefix + promptTokens - drop == 0))
        {
            return Excluded(ExclusionReason.Overlong);
        }

        tokens.RemoveRange(prefix, drop);
        scored.RemoveRange(prefix, drop);
        bool[] flags = [.. scored];
        if (Scored == ScoredTokens.All)
        {
            flags.AsSpan(1).Fill(true);
        }

        return new EncodedSample<TokenSequence>(new TokenSequence([.. tokens], flags), null, new CutTokens(drop, 0));
    }
}
