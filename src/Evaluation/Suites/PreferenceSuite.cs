using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;

namespace FedLLM.Evaluation.Suites;

/// <summary>
/// How often and how far a model prefers the chosen answers of held-out pairs. The reference of an adapter is the base model without it, so an adapter that
/// changes nothing ties everywhere: its accuracy is exactly 0.5. Pairs are spread over threads; results depend on neither their number nor the batches.
/// </summary>
public sealed class PreferenceSuite : IDisposable
{
    private readonly SampleScorer _scorer;

    /// <summary>Prepares evaluation with the CPU engine on <paramref name="threads"/> threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public PreferenceSuite(DecoderWeights weights, int threads)
        : this(new CpuLearner(weights), threads)
    {
    }

    /// <summary>Prepares evaluation on <paramref name="learner"/>, which uses <paramref name="threads"/> threads.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="threads"/> is below 1.</exception>
    public PreferenceSuite(ILearner learner, int threads) => _scorer = new SampleScorer(learner, threads);

    /// <summary>Scores every pair with <paramref name="adapter"/>, or with the base model alone.</summary>
    /// <exception cref="ArgumentException">An answer has no scored token.</exception>
    public IReadOnlyList<PairScore> Score(LoraAdapter? adapter, IReadOnlyList<PreferencePair> pairs, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        PairScore[] scores = _scorer.Score(
            adapter, pairs, p => p.Tokens,
            (model, batch) => Array.ConvertAll(model.Score(batch), s => new PairScore(s.Chosen, s.Rejected)), cancellationToken);
        return scores.All(s => s.Chosen.Count > 0 && s.Rejected.Count > 0)
            ? scores
            : throw new ArgumentException("An answer has no scored token.", nameof(pairs));
    }

    /// <summary>Measures the pairs with <paramref name="adapter"/> against the base model, or the base model alone.</summary>
    /// <param name="adapter">The adapter, or null.</param>
    /// <param name="pairs">The pairs, at least one.</param>
    /// <param name="beta">beta of the implicit rewards.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public PreferenceResult Evaluate(
        LoraAdapter? adapter, IReadOnlyList<PreferencePair> pairs, double beta, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<PairScore> policy = Score(adapter, pairs, cancellationToken);
        return new PreferenceResult(policy, adapter is null ? null : Score(null, pairs, cancellationToken), beta);
    }

    /// <inheritdoc/>
    public void Dispose() => _scorer.Dispose();
}
