using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// FedAdam: Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan, "Adaptive Federated Optimization", ICLR 2021, algorithm 2.
/// </summary>
/// <remarks>
/// With D the mean of the deltas w_i - w^t and w^{t+1} = w^t + η m / (√v + τ):
/// <list type="bullet">
/// <item><c>openfedllm</c>: D unweighted; m = D at the first step, then β₁ m + (1 - β₁) D; v = β₂ v + (1 - β₂) m², from v = τ².</item>
/// <item><c>reddi</c>: D unweighted; m = β₁ m + (1 - β₁) D from 0; v = β₂ v + (1 - β₂) D², from v = τ².</item>
/// <item><c>flower</c>: D weighted by n_i; m as in <c>reddi</c>; v as there, from v = 0; and η is multiplied by
/// √(1 - β₂^{k+1}) / (1 - β₁^{k+1}), k = t + 1 the round. Its defaults are η = 0.1, τ = 1e-3.</item>
/// </list>
/// None but <c>flower</c> corrects the moments for their bias.
/// Deviations: D is a mean in fixed point; moments are stored in float32, and the arithmetic between is float64.
/// </remarks>
public sealed class FedAdam : IServerOptimizer
{
    private readonly Convention _convention;
    private readonly AdaptiveSettings _settings;

    /// <summary>Fixes the convention and the numbers.</summary>
    /// <exception cref="ArgumentException">A number is out of its range; the message lists every problem.</exception>
    public FedAdam(Convention convention, AdaptiveSettings settings)
    {
        _convention = convention;
        _settings = AdaptiveSettings.Checked(settings);
    }

    /// <inheritdoc/>
    public string Name => "fedadam";

    /// <inheritdoc/>
    public MemberWeighting Weighting => _convention == Convention.Flower ? MemberWeighting.Samples : MemberWeighting.Equal;

    /// <summary>Returns a convention's default numbers: OpenFedLLM's, Flower's; for the paper, which tunes η and τ by task, OpenFedLLM's.</summary>
    public static AdaptiveSettings Defaults(Convention convention) => new() { LearningRate = convention == Convention.Flower ? 0.1 : 1e-3 };

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(state);
        bool openFedLlm = _convention == Convention.OpenFedLlm;
        TensorSet m = AdaptiveStep.NextFirst(state, mean.Delta, _settings.Beta1, firstIsDelta: openFedLlm);
        double initial = _convention == Convention.Flower ? 0 : _settings.Tau * _settings.Tau;
        (double kept, double fresh) = (_settings.Beta2, 1 - _settings.Beta2);
        TensorSet v = AdaptiveStep.NextSecond(state, openFedLlm ? m : mean.Delta, initial, (last, square) => (kept * last) + (fresh * square));
        double learningRate = _settings.LearningRate;
        if (_convention == Convention.Flower)
        {
            learningRate *= Math.Sqrt(1 - ScalarMath.Pow(_settings.Beta2, t + 2)) / (1 - ScalarMath.Pow(_settings.Beta1, t + 2));
        }

        return new ServerStep(AdaptiveStep.Move(adapter, m, v, learningRate, _settings.Tau), AdaptiveStep.State(m, v));
    }
}
