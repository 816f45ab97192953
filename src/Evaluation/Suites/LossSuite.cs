using FedLLM.Engine.Learners;
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
    private readonly SampleScorer _scorer;

    /// <summary>Prepares evaluation with the CPU engine on <paramref name="threads"/> threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public LossSuite(DecoderWeights weights, int threads)
        : this(new CpuLearner(weights), threads)
    {
    }

    /// <summary>Prepares evaluation on <paramref name="learner"/>, which uses <paramref name="threads"/> threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public LossSuite(ILearner learner, int threads) => _scorer = new SampleScorer(learner, threads);

    /// <summary>Scores every sample with <paramref name="adapter"/>, or with the base model alone.</summary>
    /// <exception cref="ArgumentException">No sample has a scored token.</exception>
    public LossResult Evaluate(LoraAdapter? adapter, IReadOnlyList<TokenSequence> samples, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(samples);
        double sum = 0;
        long tokens = 0;
        foreach (SequenceScore score in _scorer.Score(adapter, samples, s => s.Tokens.Length, (model, batch) => model.Score(batch), cancellationToken))
        {
            sum -= score.LogProbability;
            tokens += score.Count;
        }

        return tokens > 0
            ? new LossResult(sum / tokens, samples.Count, tokens)
            : throw new ArgumentException("No sample has a scored token.", nameof(samples));
    }

    /// <inheritdoc/>
    public void Dispose() => _scorer.Dispose();
}
