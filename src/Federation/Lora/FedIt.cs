using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FedIT: Zhang et al., "Towards Building the Federated GPT: Federated Instruction Tuning", ICASSP 2024. A and B are averaged apart.
/// </summary>
/// <remarks>
/// <para>Ā = Σ p_i A_i, B̄ = Σ p_i B_i. Inexact: B̄·Ā is not Σ p_i B_i·A_i, the mean of what the clients learned.</para>
/// Deviations: the mean is of deltas, and a server optimizer may step along it; see <see cref="FedAvg"/>.
/// </remarks>
public sealed class FedIt : ILoraAggregation
{
    /// <inheritdoc/>
    public string Name => "average";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.Adapter;

    /// <inheritdoc/>
    public bool Streams => true;

    /// <inheritdoc/>
    public bool RanksMayDiffer => false;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public string? RefusalOf(IServerOptimizer optimizer) => null;

    /// <inheritdoc/>
    public TensorSet ForClient(TensorSet global, int client) => global;

    /// <inheritdoc/>
    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(updates);
        return new Combined { MeanDelta = updates.Mean(LoraNames.Part(state.Adapter.Layout, Uploaded(round)), cancellationToken) };
    }
}
