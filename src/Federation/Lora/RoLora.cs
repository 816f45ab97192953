using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// RoLoRA: Chen, Guo, Ju, Dalal, Khisti, "Robust Federated Finetuning of LLMs via Alternating Optimization of LoRA", NeurIPS 2025.
/// </summary>
/// <remarks>
/// <para>Odd rounds train and average B with A frozen, even rounds A with B frozen. Exact in every round: the frozen factor is common to all.</para>
/// Deviations: a server optimizer may step along the mean; each factor then has moments of its own, which rest while it is frozen. Both factors are
/// counted as sent down, for a client that is sampled now may not have been sampled in the round before.
/// </remarks>
public sealed class RoLora : ILoraAggregation
{
    /// <inheritdoc/>
    public string Name => "rolora";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.Adapter;

    /// <inheritdoc/>
    public bool Streams => true;

    /// <inheritdoc/>
    public bool RanksMayDiffer => false;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => round % 2 == 1 ? LoraFactors.B : LoraFactors.A;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => Trained(round);

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
