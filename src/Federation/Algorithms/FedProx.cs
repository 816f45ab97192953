using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// FedProx: Li, Sahu, Zaheer, Sanjabi, Talwalkar, Smith, "Federated Optimization in Heterogeneous Networks", MLSys 2020, algorithm 2.
/// </summary>
/// <remarks>
/// <para>A client minimises its loss + (mu / 2) Σ_p ‖p - p^t‖² over the tensors it trains; the server averages as <see cref="FedAvg"/> does.</para>
/// <para>
/// Deviations from the paper: clients are drawn as the cohort sampler says and averaged by n_i, where the paper draws them by their weights and takes
/// the plain mean; the local problem is solved by a fixed number of steps, not to an accuracy gamma. OpenFedLLM has both, too, and mu = 0.01 by default;
/// there as here the logged loss holds the proximal term.
/// </para>
/// </remarks>
public sealed class FedProx : IServerOptimizer
{
    private readonly FedAvg _average = new();

    /// <summary>Fixes the strength of the proximal term.</summary>
    /// <param name="mu">mu, finite and not negative; at 0 the algorithm is FedAvg.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="mu"/> is negative or not finite.</exception>
    public FedProx(double mu)
    {
        if (!double.IsFinite(mu) || mu < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(mu), mu, "FedProx's mu is finite and not negative.");
        }

        Client = new ClientTerms { ProximalMu = mu };
    }

    /// <inheritdoc/>
    public string Name => "fedprox";

    /// <inheritdoc/>
    public MemberWeighting Weighting => MemberWeighting.Samples;

    /// <inheritdoc/>
    public ClientTerms Client { get; }

    /// <inheritdoc/>
    public bool AddsTheMean => true;

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state) =>
        _average.Step(t, adapter, mean, state);
}
