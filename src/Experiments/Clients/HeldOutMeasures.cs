using System.Runtime.CompilerServices;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;

namespace FedLLM.Experiments.Clients;

/// <summary>What an adapter is worth on some samples.</summary>
/// <param name="Values">The measures by name.</param>
/// <param name="Weight">Of how many scored tokens, or pairs, they are the mean: the values of a union are the weighted means of its parts'.</param>
public sealed record HeldOutValues(IReadOnlyDictionary<string, double> Values, long Weight)
{
    /// <summary>Returns the means over several, weighted.</summary>
    /// <param name="parts">The parts, at least one, all of the same measures.</param>
    /// <param name="weightOf">What a part weighs; its <see cref="Weight"/> by default.</param>
    public static IReadOnlyDictionary<string, double> Mean(IReadOnlyList<HeldOutValues> parts, Func<HeldOutValues, double>? weightOf = null)
    {
        ArgumentNullException.ThrowIfNull(parts);
        weightOf ??= part => part.Weight;
        double total = parts.Sum(weightOf);
        return parts[0].Values.Keys.ToDictionary(name => name, name => parts.Sum(part => weightOf(part) * part.Values[name]) / total);
    }
}

/// <summary>Measures adapters on held-out samples.</summary>
public interface IHeldOutMeasure<TSample>
{
    /// <summary>Measures <paramref name="adapter"/> on at least one sample; the result depends on neither threads nor batches.</summary>
    HeldOutValues Measure(LoraAdapter adapter, IReadOnlyList<TSample> samples, CancellationToken cancellationToken);
}

/// <summary>Instruction tuning: <c>loss</c>, the mean negative log-likelihood of a scored token.</summary>
/// <param name="suite">Scores the samples.</param>
public sealed class LossMeasure(LossSuite suite) : IHeldOutMeasure<TokenSequence>
{
    /// <inheritdoc/>
    public HeldOutValues Measure(LoraAdapter adapter, IReadOnlyList<TokenSequence> samples, CancellationToken cancellationToken)
    {
        LossResult result = suite.Evaluate(adapter, samples, cancellationToken);
        return new HeldOutValues(new Dictionary<string, double> { ["loss"] = result.Loss }, result.ScoredTokens);
    }
}

/// <summary>
/// Preference learning: how often and how far the chosen answers are preferred, by implicit reward against the base model. The base model's scores of a pair are
/// computed once and kept while the pair is.
/// </summary>
/// <param name="suite">Scores the pairs.</param>
/// <param name="beta">beta of the implicit rewards.</param>
public sealed class RewardMeasure(PreferenceSuite suite, double beta) : IHeldOutMeasure<PreferencePair>
{
    private readonly ConditionalWeakTable<PreferencePair, StrongBox<PairScore>> _reference = [];

    /// <inheritdoc/>
    public HeldOutValues Measure(LoraAdapter adapter, IReadOnlyList<PreferencePair> samples, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(samples);
        PreferencePair[] unknown = [.. samples.Where(pair => !_reference.TryGetValue(pair, out _))];
        foreach ((PreferencePair pair, PairScore score) in unknown.Zip(suite.Score(null, unknown, cancellationToken)))
        {
            _reference.AddOrUpdate(pair, new StrongBox<PairScore>(score));
        }

        PairScore[] reference = [.. samples.Select(pair => _reference.TryGetValue(pair, out StrongBox<PairScore>? score) ? score.Value : default)];
        var result = new PreferenceResult(suite.Score(adapter, samples, cancellationToken), reference, beta);
        var values = new Dictionary<string, double>
        {
            ["preference_accuracy"] = result.Reward!.Accuracy,
            ["preference_margin"] = result.Reward.Margin,
            ["preference_accuracy_per_token"] = result.NormalizedReward!.Accuracy,
            ["preference_margin_per_token"] = result.NormalizedReward.Margin,
        };
        return new HeldOutValues(values, result.Pairs);
    }
}
