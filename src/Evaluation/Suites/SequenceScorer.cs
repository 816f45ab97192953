using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Evaluation.Suites;

/// <summary>Scores sequences on several threads; a score's bits depend neither on their number nor on the batches.</summary>
internal sealed class SequenceScorer : IDisposable
{
    // Tokens of one forward pass: enough to keep the matrix products busy, few enough to stay in the cache.
    private const int TokensPerBatch = 1024;
    private readonly Workers[] _workers;
    private readonly LanguageModel[] _models;

    public SequenceScorer(DecoderWeights weights, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = [.. Enumerable.Range(0, threads).Select(_ => new Workers(1))];
        _models = [.. _workers.Select(w => new LanguageModel(weights, null, w))];
    }

    /// <summary>Scores every sequence with <paramref name="adapter"/>, or with the base model alone, in their order.</summary>
    public SequenceScore[] Score(LoraAdapter? adapter, IReadOnlyList<TokenSequence> sequences, CancellationToken cancellationToken)
    {
        TokenSequence[][] batches = [.. Batches(sequences)];
        var scores = new SequenceScore[batches.Length][];
        int next = -1;
        void Work(int thread)
        {
            LanguageModel model = _models[thread];
            model.Adapter = adapter;
            for (int i = Interlocked.Increment(ref next); i < batches.Length; i = Interlocked.Increment(ref next))
            {
                cancellationToken.ThrowIfCancellationRequested();
                scores[i] = model.Score(batches[i]);
            }
        }

        Task[] tasks = [.. Enumerable.Range(1, _models.Length - 1).Select(thread => Task.Run(() => Work(thread), cancellationToken))];
        Work(0);
        Task.WaitAll(tasks, cancellationToken);
        return [.. scores.SelectMany(s => s)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Workers workers in _workers)
        {
            workers.Dispose();
        }
    }

    private static IEnumerable<TokenSequence[]> Batches(IReadOnlyList<TokenSequence> sequences)
    {
        var batch = new List<TokenSequence>();
        int tokens = 0;
        foreach (TokenSequence sequence in sequences)
        {
            if (batch.Count > 0 && tokens + sequence.Tokens.Length > TokensPerBatch)
            {
                yield return [.. batch];
                batch.Clear();
                tokens = 0;
            }

            batch.Add(sequence);
            tokens += sequence.Tokens.Length;
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }
}
