using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Evaluation.Suites;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// Measures how often and how far the global adapter prefers the chosen answers of the experiment's held-out pairs, by implicit reward against the base
/// model. The base model's scores are computed once and kept.
/// </summary>
/// <param name="suite">Scores the pairs.</param>
/// <param name="model">The architecture.</param>
/// <param name="adapter">Makes an adapter of a state.</param>
/// <param name="pairs">The held-out pairs, at least one.</param>
/// <param name="beta">beta of the implicit rewards.</param>
public sealed class PreferenceEvaluator(
    PreferenceSuite suite, ModelConfig model, StateAdapter adapter, IReadOnlyList<PreferencePair> pairs, double beta) : IRoundEvaluator
{
    private IReadOnlyList<PairScore>? _reference;

    /// <inheritdoc/>
    public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        _reference ??= suite.Score(null, pairs, cancellationToken);
        (LoraConfig config, TensorSet tensors) = adapter.Join(state);
        IReadOnlyList<PairScore> policy = suite.Score(new LoraAdapter(model, config, tensors), pairs, cancellationToken);
        var result = new PreferenceResult(policy, _reference, beta);
        return Task.FromResult<IReadOnlyDictionary<string, double>>(new Dictionary<string, double>
        {
            ["preference_accuracy"] = result.Reward!.Accuracy,
            ["preference_margin"] = result.Reward.Margin,
            ["preference_accuracy_per_token"] = result.NormalizedReward!.Accuracy,
            ["preference_margin_per_token"] = result.NormalizedReward.Margin,
        });
    }
}
