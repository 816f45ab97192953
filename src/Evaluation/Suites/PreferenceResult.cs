using FedLLM.Engine.Models;
using FedLLM.Evaluation.Statistics;

namespace FedLLM.Evaluation.Suites;

/// <summary>Log-likelihoods of a pair's two answers.</summary>
/// <param name="Chosen">Of the chosen answer.</param>
/// <param name="Rejected">Of the rejected one.</param>
public readonly record struct PairScore(SequenceScore Chosen, SequenceScore Rejected);

/// <summary>How pairs are ordered by one measure of an answer, by the difference chosen - rejected of every pair.</summary>
public sealed class PreferenceMeasure
{
    private readonly double[] _wins;

    /// <summary>Summarizes differences.</summary>
    /// <param name="differences">chosen - rejected of every pair, at least one. NaN counts as wrong and makes the margin NaN.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no pair.</exception>
    public PreferenceMeasure(IReadOnlyList<double> differences)
    {
        ArgumentNullException.ThrowIfNull(differences);
        ArgumentOutOfRangeException.ThrowIfZero(differences.Count);
        _wins = [.. differences.Select(d => d > 0 ? 1 : d == 0 ? 0.5 : 0.0)];
        Ties = differences.Count(d => d == 0);
        Accuracy = _wins.Sum() / _wins.Length;
        Margin = differences.Sum() / differences.Count;
    }

    /// <summary>By pair: 1 where the chosen answer is above the rejected one, a half where they tie, else 0.</summary>
    public IReadOnlyList<double> Wins => _wins;

    /// <summary>Share of the pairs whose chosen answer is above the rejected one; a tie counts a half.</summary>
    public double Accuracy { get; }

    /// <summary>Mean difference.</summary>
    public double Margin { get; }

    /// <summary>Pairs whose difference is exactly 0.</summary>
    public int Ties { get; }

    /// <summary>Returns the 95 % interval of the accuracy by <see cref="Bootstrap.OfMean"/> over the pairs.</summary>
    public Interval AccuracyInterval() => Bootstrap.OfMean(_wins);
}

/// <summary>What the preference suite measured.</summary>
/// <remarks>
/// l is an answer's log-probability, Σ log p over its tokens in nats, n their number. Plainly, answers compare by l and by l / n. Against a reference they
/// compare by the implicit rewards beta (l - l_ref) (Rafailov et al., 2023, eq. 5) and beta (l - l_ref) / n.
/// </remarks>
public sealed class PreferenceResult
{
    /// <summary>Summarizes pairs.</summary>
    /// <param name="policy">The policy's scores of every pair, at least one.</param>
    /// <param name="reference">The reference's scores of the same pairs, or null.</param>
    /// <param name="beta">beta of the implicit rewards.</param>
    /// <exception cref="ArgumentException">There is no pair, or the reference has another number of them.</exception>
    public PreferenceResult(IReadOnlyList<PairScore> policy, IReadOnlyList<PairScore>? reference, double beta)
    {
        ArgumentNullException.ThrowIfNull(policy);
        if (reference is not null && reference.Count != policy.Count)
        {
            throw new ArgumentException($"The reference scored {reference.Count} pairs, the policy {policy.Count}.", nameof(reference));
        }

        Pairs = policy.Count;
        Plain = new PreferenceMeasure([.. policy.Select(p => p.Chosen.LogProbability - p.Rejected.LogProbability)]);
        Normalized = new PreferenceMeasure([.. policy.Select(p => PerToken(p.Chosen) - PerToken(p.Rejected))]);
        if (reference is not null)
        {
            PairScore[] gains = [.. policy.Zip(reference, (p, r) => new PairScore(Gain(p.Chosen, r.Chosen), Gain(p.Rejected, r.Rejected)))];
            Reward = new PreferenceMeasure([.. gains.Select(g => beta * (g.Chosen.LogProbability - g.Rejected.LogProbability))]);
            NormalizedReward = new PreferenceMeasure([.. gains.Select(g => beta * (PerToken(g.Chosen) - PerToken(g.Rejected)))]);
        }
    }

    /// <summary>Pairs measured.</summary>
    public int Pairs { get; }

    /// <summary>By log-probability.</summary>
    public PreferenceMeasure Plain { get; }

    /// <summary>By log-probability per token.</summary>
    public PreferenceMeasure Normalized { get; }

    /// <summary>By implicit reward; null without a reference.</summary>
    public PreferenceMeasure? Reward { get; }

    /// <summary>By implicit reward per token; null without a reference.</summary>
    public PreferenceMeasure? NormalizedReward { get; }

    private static double PerToken(SequenceScore score) => score.LogProbability / score.Count;

    private static SequenceScore Gain(SequenceScore policy, SequenceScore reference) =>
        policy with { LogProbability = policy.LogProbability - reference.LogProbability };
}
