using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// FedAdagrad: Reddi, Charles, Zaheer, Garrett, Rush, Konečný, Kumar, McMahan, "Adaptive Federated Optimization", ICLR 2021, algorithm 2.
/// </summary>
/// <remarks>
/// With D the mean of the deltas w_i - w^t and w^{t+1} = w^t + η m / (√v + τ):
/// <list type="bullet">
/// <item><c>openfedllm</c>: D unweighted; m = D; v = v + m², from v = τ². β₁ is not used, and no m is kept.</item>
/// <item><c>reddi</c>: D unweighted; m = β₁ m + (1 - β₁) D from 0 (the paper sets β₁ = 0 for FedAdagrad); v = v + D², from v = τ².</item>
/// <item><c>flower</c>: D weighted by n_i; m as in <c>reddi</c>, β₁ = 0 by default; v = v + D², from v = 0.</item>
/// </list>
/// OpenFedLLM cannot run it (its trainers know it as "fedadgrad"); its aggregation is met.
/// Deviations: D is a mean in fixed point; moments are stored in float32, and the arithmetic between is float64.
/// </remarks>
public sealed class FedAdagrad : IServerOptimizer
{
    private readonly Convention _convention;
    private readonly AdaptiveSettings _settings;

    /// <summary>Fixes the convention and the numbers.</summary>
    /// <exception cref="ArgumentException">A number is out of its range; the message lists every problem.</exception>
    public FedAdagrad(Convention convention, AdaptiveSettings settings)
    {
        _convention = convention;
        _settings = AdaptiveSettings.Checked(settings);
    }

    /// <inheritdoc/>
    public string Name => "fedadagrad";

    /// <inheritdoc/>
    public MemberWeighting Weighting => _convention == Convention.Flower ? MemberWeighting.Samples : MemberWeighting.Equal;

    /// <summary>Returns a convention's default numbers: OpenFedLLM's, Flower's; for the paper, which tunes η and τ by task, OpenFedLLM's. β₁ is 0 in all.</summary>
    public static AdaptiveSettings Defaults(Convention convention) => new() { LearningRate = convention == Convention.Flower ? 0.1 : 1e-3, Beta1 = 0 };

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(state);
        bool openFedLlm = _convention == Convention.OpenFedLlm;
        TensorSet m = openFedLlm ? mean.Delta : AdaptiveStep.NextFirst(state, mean.Delta, _settings.Beta1, firstIsDelta: false);
        double initial = _convention == Convention.Flower ? 0 : _settings.Tau * _settings.Tau;
        TensorSet v = AdaptiveStep.NextSecond(state, mean.Delta, initial, static (last, square) => last + square);
        TensorSet next = AdaptiveStep.Move(adapter, m, v, _settings.LearningRate, _settings.Tau);
        return new ServerStep(next, openFedLlm ? new Dictionary<string, TensorSet> { [AdaptiveStep.SecondMoment] = v } : AdaptiveStep.State(m, v));
    }
}
