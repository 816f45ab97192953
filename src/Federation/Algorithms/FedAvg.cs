using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>
/// Federated averaging: McMahan et al., "Communication-Efficient Learning of Deep Networks from Decentralized Data", AISTATS 2017, algorithm 1;
/// on LoRA factors, A and B apart: Zhang et al., "Towards Building the Federated GPT: Federated Instruction Tuning" (FedIT), ICASSP 2024.
/// </summary>
/// <remarks>
/// <para>w^{t+1} = w^t + Σ_{i in members} (n_i / N)(w_i - w^t), N = Σ n_i, with n_i the client's number of usable samples.</para>
/// <para>
/// Deviations: it adds the mean of deltas where the papers (and OpenFedLLM) average the clients' weights, which is the same but for rounding;
/// the sum is in fixed point, so that its bits depend on no order; N counts the members, not every sampled client, where some were excluded.
/// </para>
/// </remarks>
public sealed class FedAvg : IServerOptimizer
{
    /// <inheritdoc/>
    public string Name => "fedavg";

    /// <inheritdoc/>
    public MemberWeighting Weighting => MemberWeighting.Samples;

    /// <inheritdoc/>
    public bool AddsTheMean => true;

    /// <inheritdoc/>
    public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        ArgumentNullException.ThrowIfNull(mean);
        return new ServerStep(Add(adapter, mean.Delta), state);
    }

    /// <summary>Returns adapter + delta, element by element.</summary>
    public static TensorSet Add(TensorSet adapter, TensorSet delta)
    {
        TensorSet next = adapter.Clone();
        for (int i = 0; i < next.Values.Length; i++)
        {
            next.Values[i] += delta.Values[i];
        }

        return next;
    }
}
