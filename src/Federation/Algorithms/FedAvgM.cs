using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// FedAvg with server momentum: Hsu, Qi, Brown, "Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification",
/// arXiv:1909.06335, 2019, section 4.3.
/// </summary>
/// <remarks>
/// With D = Σ (n_i / N)(w_i - w^t):
/// <list type="bullet">
/// <item><c>openfedllm</c>: m = D at the first step, then m = β m + (1 - β) D; w += m. There is no server learning rate.</item>
/// <item><c>reddi</c> (the paper's own formula, with the learning rate that Reddi et al. add): m = β m + D from m = 0; w += η m.</item>
/// <item><c>flower</c>: the same formula; its g = w^t - w̄ is -D. Flower's defaults are η = 1, β = 0.</item>
/// </list>
/// Deviation: D is the mean of deltas in fixed point; see <see cref="FedAvg"/>.
/// </remarks>
public sealed class FedAvgM : IServerOptimizer
{
    private readonly Convention _convention;
    private readonly double _beta;
    private readonly double _learningRate;

    /// <summary>Fixes the momentum.</summary>
    /// <param name="convention">Whose formula.</param>
    /// <param name="beta">β, in [0, 1). OpenFedLLM's default is 0.9.</param>
    /// <param name="learningRate">η, positive; <c>openfedllm</c> has none, and takes 1 only.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public FedAvgM(Convention convention, double beta = 0.9, double learningRate = 1)
    {
        if (!(beta >= 0 && beta < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(beta), beta, "FedAvgM's momentum is at least 0 and below 1.");
        }

        if (!double.IsFinite(learningRate) || learningRate <= 0 || (convention == Convention.OpenFedLlm && learningRate != 1))
        {
            throw new ArgumentOutOfRangeException(
                nameof(learningRate), learningRate, "FedAvgM's server learning rate is positive and finite, and 1 by OpenFedLLM's convention, which has none.");
        }

        (_convention, _beta, _learningRate) = (convention, beta, learningRate);
    }

    /// <inheritdoc/>
    public string Name => "fedavgm";

    /// <inheritdoc/>
    public MemberWeighting Weighting => MemberWeighting.Samples;

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(state);
        TensorSet? last = state.GetValueOrDefault(AdaptiveStep.FirstMoment);
        double fresh = _convention == Convention.OpenFedLlm && last is not null ? 1 - _beta : 1;
        TensorSet m = mean.Delta.Clone();
        TensorSet next = adapter.Clone();
        for (int i = 0; i < m.Values.Length; i++)
        {
            m.Values[i] = (float)((_beta * (last?.Values[i] ?? 0)) + (fresh * mean.Delta.Values[i]));
            next.Values[i] = (float)(next.Values[i] + (_learningRate * m.Values[i]));
        }

        return new ServerStep(next, new Dictionary<string, TensorSet> { [AdaptiveStep.FirstMoment] = m });
    }
}
