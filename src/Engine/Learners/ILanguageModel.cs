using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Engine.Learners;

/// <summary>A base model with an optional adapter, for evaluation and generation. Not safe for concurrent calls.</summary>
public interface ILanguageModel
{
    /// <summary>The adapter in use, or null for the base model alone. It may be exchanged between calls; its values must not change while it is in use.</summary>
    LoraAdapter? Adapter { get; set; }

    /// <summary>The architecture.</summary>
    ModelConfig Config { get; }

    /// <summary>Scores sequences together.</summary>
    SequenceScore[] Score(ReadOnlySpan<TokenSequence> sequences);

    /// <summary>Scores both sequences of every pair, running the tokens they share once.</summary>
    (SequenceScore Chosen, SequenceScore Rejected)[] Score(ReadOnlySpan<PreferencePair> pairs);

    /// <summary>Returns log p of every scored token of the sequences, in order.</summary>
    float[] TokenLogProbabilities(ReadOnlySpan<TokenSequence> sequences);

    /// <summary>Returns the logits [T,V] of every token of the sequences, laid end to end.</summary>
    float[] Logits(ReadOnlySpan<TokenSequence> sequences);

    /// <summary>Makes an empty cache for one sequence.</summary>
    ISequenceCache NewCache();

    /// <summary>Appends tokens to each of several cached sequences; returns the logits [sequences,V] after the last token of each, valid until the next call.</summary>
    /// <param name="tokens">At least one token of each sequence.</param>
    /// <param name="caches">What <see cref="NewCache"/> of this model made, one for each.</param>
    ReadOnlySpan<float> Continue(IReadOnlyList<int[]> tokens, IReadOnlyList<ISequenceCache> caches);
}

/// <summary>Keys and values of one sequence's tokens so far.</summary>
public interface ISequenceCache : IDisposable
{
    /// <summary>Tokens it holds.</summary>
    int Count { get; }
}
