using FedLLM.Engine.Learners;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>Log-likelihood of one sequence's scored tokens.</summary>
/// <param name="LogProbability">Σ log p over the scored tokens, in nats.</param>
/// <param name="Count">Number of scored tokens.</param>
public readonly record struct SequenceScore(double LogProbability, int Count)
{
    /// <summary>Mean log p of a scored token; 0 where none is scored.</summary>
    public double MeanLogProbability => Count > 0 ? LogProbability / Count : 0;

    /// <summary>Sums the next <paramref name="count"/> log-probabilities, in float64 and in order, and moves past them.</summary>
    internal static SequenceScore Take(scoped ref ReadOnlySpan<float> logProbabilities, int count)
    {
        double sum = 0;
        foreach (float value in logProbabilities[..count])
        {
            sum += value;
        }

        logProbabilities = logProbabilities[count..];
        return new SequenceScore(sum, count);
    }
}

/// <summary>A base model with an optional adapter, for evaluation and generation. Not safe for concurrent calls.</summary>
/// <remarks>Activations are reached by address, which does not keep them from the garbage collector: each pass keeps its model alive to its end.</remarks>
public sealed unsafe class LanguageModel : ILanguageModel
{
    private readonly DecoderWeights _weights;
    private readonly Decoder _decoder;
    private readonly ScoringHead _head;
    private readonly PackedBatch _batch = new();
    private readonly LaneSet _lanes = new();

    /// <summary>Prepares evaluation of <paramref name="weights"/> with <paramref name="adapter"/>, or alone.</summary>
    public LanguageModel(DecoderWeights weights, LoraAdapter? adapter, Workers workers)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(workers);
        _weights = weights;
        Adapter = adapter;
        _decoder = new Decoder(weights, workers);
        _head = new ScoringHead(weights, workers);
    }

    /// <inheritdoc/>
    public LoraAdapter? Adapter { get; set; }

    /// <inheritdoc/>
    public ModelConfig Config => _weights.Config;

    /// <summary>Scores sequences together; each one's score is the same as alone.</summary>
    public SequenceScore[] Score(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        var scores = new SequenceScore[sequences.Length];
        if (_batch.ScoredCount == 0)
        {
            return scores;
        }

        ReadOnlySpan<float> logProbabilities = TokenLogProbabilities();
        for (int s = 0; s < scores.Length; s++)
        {
            scores[s] = SequenceScore.Take(ref logProbabilities, sequences[s].ScoredCount);
        }

        return scores;
    }

    /// <summary>Scores both sequences of every pair, running the tokens they share once; each score is within rounding of the sequence's alone.</summary>
    public (SequenceScore Chosen, SequenceScore Rejected)[] Score(ReadOnlySpan<PreferencePair> pairs)
    {
        _batch.Clear();
        foreach (PreferencePair pair in pairs)
        {
            _batch.Add(pair);
        }

        _batch.EndLane();
        var scores = new (SequenceScore, SequenceScore)[pairs.Length];
        ReadOnlySpan<float> logProbabilities = _batch.ScoredCount > 0 ? TokenLogProbabilities() : [];
        for (int i = 0; i < scores.Length; i++)
        {
            SequenceScore chosen = SequenceScore.Take(ref logProbabilities, pairs[i].Chosen.ScoredCount);
            scores[i] = (chosen, SequenceScore.Take(ref logProbabilities, pairs[i].Rejected.ScoredCount));
        }

        return scores;
    }

    /// <inheritdoc/>
    public float[] TokenLogProbabilities(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        return TokenLogProbabilities().ToArray();
    }

    /// <inheritdoc/>
    public float[] Logits(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        Forward(caches: null);
        float[] logits = _head.Logits([.. Enumerable.Range(0, _batch.Rows)], _decoder.Output).ToArray();
        GC.KeepAlive(this);
        return logits;
    }

    /// <summary>Returns the decoder's output before the final norm, [T,D].</summary>
    internal float[] Hidden(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        Forward(caches: null);
        float[] hidden = new ReadOnlySpan<float>(_decoder.Output, _batch.Rows * Config.HiddenSize).ToArray();
        GC.KeepAlive(this);
        return hidden;
    }

    /// <inheritdoc/>
    public ISequenceCache NewCache() => new KeyValueCache(Config);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Continue(IReadOnlyList<int[]> tokens, IReadOnlyList<ISequenceCache> caches)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(caches);
        KeyValueCache[] own = [.. caches.Cast<KeyValueCache>()];
        _batch.Clear();
        Span<int> lastRows = tokens.Count <= 64 ? stackalloc int[tokens.Count] : new int[tokens.Count];
        for (int s = 0; s < tokens.Count; s++)
        {
            _batch.AddContinuation(tokens[s], caches[s].Count);
            lastRows[s] = _batch.Rows - 1;
        }

        _batch.EndLane();
        Forward(own);
        ReadOnlySpan<float> logits = _head.Logits(lastRows, _decoder.Output);
        GC.KeepAlive(this);
        return logits;
    }

    private void Forward(IReadOnlyList<KeyValueCache>? caches)
    {
        _lanes.Clear();
        _lanes.Add(new LanePass(_batch.Lane(0), Adapter));
        _decoder.Forward(_batch, _lanes, caches);
    }

    private ReadOnlySpan<float> TokenLogProbabilities()
    {
        Forward(caches: null);
        ReadOnlySpan<float> logProbabilities = _head.LogProbabilities(_batch, _decoder.Output);
        GC.KeepAlive(this);
        return logProbabilities;
    }
}
