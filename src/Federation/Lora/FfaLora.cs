using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FFA-LoRA: Sun, Li, Li, Ding, "Improving LoRA in Privacy-preserving Federated Learning", ICLR 2024. A stays as it was initialised.
/// </summary>
/// <remarks>
/// <para>B̄ = Σ p_i B_i with A = A_0: exact, B̄·A_0 = Σ p_i B_i·A_0. Half the parameters, half the bytes: A_0 follows from the run's seed.</para>
/// Deviations: a server optimizer may step along the mean of B; the paper averages.
/// </remarks>
public sealed class FfaLora : ILoraAggregation
{
    /// <inheritdoc/>
    public string Name => "ffa";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.Adapter;

    /// <inheritdoc/>
    public bool Streams => true;

    /// <inheritdoc/>
    public bool RanksMayDiffer => false;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.B;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.B;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.B;

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
