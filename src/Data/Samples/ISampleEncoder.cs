using FedLLM.Data.Examples;

namespace FedLLM.Data.Samples;

/// <summary>Why a record is not used.</summary>
public enum ExclusionReason
{
    /// <summary>Longer than the sequence length allows; in instruction tuning an answer is never truncated.</summary>
    Overlong,

    /// <summary>The response, or one answer of a pair, is empty or only white space.</summary>
    EmptyResponse,

    /// <summary>No token's last character lies in the response: the tokenizer leaves nothing of it.</summary>
    NothingScored,

    /// <summary>A pair whose prompt is empty or only white space, or whose dialogues part before the assistant's turn.</summary>
    NoPrompt,

    /// <summary>A pair whose answers are equal, or become equal when they are truncated.</summary>
    EqualAnswers,

    /// <summary>A dialogue in which user and assistant do not speak by turns, the user first.</summary>
    TurnsOutOfOrder,
}

/// <summary>What of a sample lost tokens.</summary>
[Flags]
public enum Truncation
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The prompt, at its beginning.</summary>
    Prompt = 1,

    /// <summary>An answer, at its end.</summary>
    Answer = 2,
}

/// <summary>How many tokens truncation took.</summary>
/// <param name="Prompt">Of prompts; a pair's prompt counts once.</param>
/// <param name="Answer">Of answers; of a pair, of both.</param>
public readonly record struct CutTokens(long Prompt, long Answer)
{
    /// <summary>The tokens that one part lost.</summary>
    public long Of(Truncation part) => part == Truncation.Prompt ? Prompt : Answer;

    /// <summary>Adds two counts.</summary>
    public static CutTokens operator +(CutTokens a, CutTokens b) => new(a.Prompt + b.Prompt, a.Answer + b.Answer);

    /// <summary>Adds two counts.</summary>
    public static CutTokens Add(CutTokens left, CutTokens right) => left + right;
}

/// <summary>A sample, or the reason why a record has none.</summary>
/// <param name="Sample">The sample, or null.</param>
/// <param name="Exclusion">The reason; null exactly where there is a sample.</param>
/// <param name="Cut">The tokens that the sample lost.</param>
public readonly record struct EncodedSample<TSample>(TSample? Sample, ExclusionReason? Exclusion, CutTokens Cut = default)
    where TSample : class
{
    /// <summary>What of the sample lost tokens.</summary>
    public Truncation Truncated => (Cut.Prompt > 0 ? Truncation.Prompt : Truncation.None) | (Cut.Answer > 0 ? Truncation.Answer : Truncation.None);
}

/// <summary>How much a sample holds.</summary>
/// <param name="Tokens">Its tokens, special tokens included; of a pair, those of both sequences.</param>
/// <param name="Scored">Those that are targets of the loss.</param>
/// <param name="Longest">Tokens of its longest sequence.</param>
public readonly record struct SampleSize(int Tokens, int Scored, int Longest);

/// <summary>Makes samples of examples. Implementations are safe for concurrent use.</summary>
public interface ISampleEncoder<TSample>
    where TSample : class
{
    /// <summary>Makes the sample of one example.</summary>
    /// <exception cref="ArgumentException">The example is of a kind that this encoder makes nothing of.</exception>
    EncodedSample<TSample> Encode(Example example);

    /// <summary>Measures a sample.</summary>
    SampleSize Measure(TSample sample);
}
