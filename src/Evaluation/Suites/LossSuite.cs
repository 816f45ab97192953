using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Evaluation.Suites;

/// <summary>What the loss suite measured.</summary>
/// <param name="Loss">Mean negative log-likelihood over all scored tokens, in nats.</param>
/// <param name="Samples">Samples scored.</param>
/// <param name="ScoredTokens">Tokens scored.</param>
public sealed record LossResult(double Loss, int Samples, long ScoredTokens)
{
    /// <summary>e to the loss: the perplexity per scored token.</summary>
    public double Perplexity => ScalarMath.Exp(Loss);
}

/// <summary>
/// The held-out loss of a model with an adapter: Σ -log p(token | its past) / number of scored tokens, over all samples.
/// Samples are spread over threads; the result's bits depend on neither their number nor the batches.
/// </summary>
public sealed class LossSuite : IDisposable
{
    // Tokens of one forward pass: enough to keep the matrix products busy, few enough to stay in the cache.
    private const int TokensPerBatch = 1024;
    private readonly Workers[] _workers;
    private readonly LanguageModel[] _models;

    /// <summary>Prepares evaluation on <paramref name="threads"/> threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public LossSuite(DecoderWeights weights, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = [.. Enumerable.Range(0, threads).Select(_ => new Workers(1))];
        _models = [.. _workers.Select(w => new LanguageModel(weights, null, w))];
    }

    /// <summary>Scores every sample with <paramref name="adapter"/>, or with the base model alone.</summary>
    /// <exception cref="ArgumentException">No sample has a scored token.</exception>
    public LossResult Evaluate(LoraAdapter? adapter, IReadOnlyList<TokenSequence> samples, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        TokenSequence[][] batches = [.. Batches(samples)];
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

        double sum = 0;
        long tokens = 0;
        foreach (SequenceScore score in scores.SelectMany(s => s))
        {
            sum -= score.LogProbability;
            tokens += score.Count;
        }

        return tokens > 0
            ? new LossResult(sum / tokens, samples.Count, tokens)
            : throw new ArgumentException("No sample has a scored token.", nameof(samples));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Workers workers in _workers)
        {
            workers.Dispose();
        }
    }

    private static IEnumerable<TokenSequence[]> Batches(IReadOnlyList<TokenSequence> samples)
    {
        var batch = new List<TokenSequence>();
        int tokens = 0;
        foreach (TokenSequence sample in samples)
        {
            if (batch.Count > 0 && tokens + sample.Tokens.Length > TokensPerBatch)
            {
                yield return [.. batch];
                batch.Clear();
                tokens = 0;
            }

            batch.Add(sample);
            tokens += sample.Tokens.Length;
        }

        if (batch.Count > 0)
        {
            yield return [.. batch];
        }
    }
}
