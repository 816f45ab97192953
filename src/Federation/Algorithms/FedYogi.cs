using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// FedYogi: Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan, "Adaptive Federated Optimization", ICLR 2021, algorithm 2.
/// </summary>
/// <remarks>
/// With D the mean of the deltas w_i - w^t and w^{t+1} = w^t + η m / (√v + τ):
/// <list type="bullet">
/// <item><c>openfedllm</c>: D unweighted; m = D at the first step, then β₁ m + (1 - β₁) D; v = v - (1 - β₂) m² sign(v - m²), from v = τ².</item>
/// <item><c>reddi</c>: D unweighted; m = β₁ m + (1 - β₁) D from 0; v = v - (1 - β₂) D² sign(v - D²), from v = τ².</item>
/// <item><c>flower</c>: D weighted by n_i; m as in <c>reddi</c>; v as there, from v = 0. Its defaults are η = 0.01, τ = 1e-3.</item>
/// </list>
/// Deviations: D is a mean in fixed point; moments are stored in float32, and the arithmetic between is float64.
/// </remarks>
public sealed class FedYogi : IServerOptimizer
{
    private readonly Convention _convention;
    private readonly AdaptiveSettings _settings;

    /// <summary>Fixes the convention and the numbers.</summary>
    /// <exception cref="ArgumentException">A number is out of its range; the message lists every problem.</exception>
    public FedYogi(Convention convention, AdaptiveSettings settings)
    {
        _convention = convention;
        _settings = AdaptiveSettings.Checked(settings);
    }

    /// <inheritdoc/>
    public string Name => "fedyogi";

    /// <inheritdoc/>
    public MemberWeighting Weighting => _convention == Convention.Flower ? MemberWeighting.Samples : MemberWeighting.Equal;

    /// <summary>Returns a convention's default numbers: OpenFedLLM's, Flower's; for the paper, which tunes η and τ by task, OpenFedLLM's.</summary>
    public static AdaptiveSettings Defaults(Convention convention) => new() { LearningRate = convention == Convention.Flower ? 0.01 : 1e-3 };

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(state);
        bool openFedLlm = _convention == Convention.OpenFedLlm;
        TensorSet m = AdaptiveStep.NextFirst(state, mean.Delta, _settings.Beta1, firstIsDelta: openFedLlm);
        double initial = _convention == Convention.Flower ? 0 : _settings.Tau * _settings.Tau;
        double fresh = 1 - _settings.Beta2;
        TensorSet v = AdaptiveStep.NextSecond(
            state, openFedLlm ? m : mean.Delta, initial, (last, square) => last - (fresh * square * Math.Sign(last - square)));
        return new ServerStep(AdaptiveStep.Move(adapter, m, v, _settings.LearningRate, _settings.Tau), AdaptiveStep.State(m, v));
    }
}
