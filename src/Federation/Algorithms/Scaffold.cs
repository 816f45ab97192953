using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// SCAFFOLD: Karimireddy, Kale, Mohri, Reddi, Stich, Suresh, "SCAFFOLD: Stochastic Controlled Averaging for Federated Learning", ICML 2020,
/// algorithm 1 with option II for the control variates.
/// </summary>
/// <remarks>
/// <para>w^{t+1} = w^t + Σ_{i in members} (n_i / N)(w_i - w^t); c^{t+1} = c^t + (1 / C) Σ_{i in members} (c_i+ - c_i), C the number of all clients, c^0 = 0.</para>
/// <para>The clients' half (the correction of each step and c_i+) is <see cref="ControlVariates"/>. c covers the tensors that clients train and share.</para>
/// <para>
/// Deviations from the paper, all of them OpenFedLLM's: deltas are weighted by n_i where the paper takes 1 / K; the server's learning rate is 1; the client's
/// optimizer is AdamW, so that (w^t - w_i) / Σ η_k is no mean gradient. The sum of control deltas is in fixed point. A client whose update does not
/// count keeps its old c_i.
/// </para>
/// </remarks>
public sealed class Scaffold : IServerOptimizer
{
    /// <summary>The server state's name of c.</summary>
    public const string ControlName = "c";

    private readonly int _clients;

    /// <summary>Fixes the number of clients.</summary>
    /// <param name="clients">C, the number of registered clients; positive.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="clients"/> is below 1.</exception>
    public Scaffold(int clients)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        _clients = clients;
    }

    /// <inheritdoc/>
    public string Name => "scaffold";

    /// <inheritdoc/>
    public MemberWeighting Weighting => MemberWeighting.Samples;

    /// <inheritdoc/>
    public ClientTerms Client { get; } = new() { UsesControlVariates = true };

    /// <inheritdoc/>
    public bool AddsTheMean => true;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The mean holds no control delta.</exception>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(state);
        TensorSet change = mean.ControlDelta ?? throw new ArgumentException("SCAFFOLD needs the members' control deltas.", nameof(mean));
        TensorSet control = state.TryGetValue(ControlName, out TensorSet? last) ? last.Clone() : new TensorSet(change.Layout);
        double share = (double)mean.Members / _clients;
        for (int i = 0; i < control.Values.Length; i++)
        {
            control.Values[i] = (float)(control.Values[i] + (share * change.Values[i]));
        }

        return new ServerStep(FedAvg.Add(adapter, mean.Delta), new Dictionary<string, TensorSet> { [ControlName] = control });
    }
}
