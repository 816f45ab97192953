using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FedSA-LoRA: Guo, Zeng, Wang, Fan, Wang, Qu, "Selective Aggregation for Low-Rank Adaptation in Federated Learning", ICLR 2025. Only A is shared.
/// </summary>
/// <remarks>
/// <para>Clients train A and B; Ā = Σ p_i A_i; B_i stays with the client as its private state <see cref="PrivateB"/>, from the initial B (zero) in its first round.</para>
/// <para>The global adapter keeps the initial B: what the run gives is Ā and each client's own B_i.</para>
/// Deviations: a server optimizer may step along the mean of A. A client whose update does not count keeps its old B_i.
/// </remarks>
public sealed class FedSaLora : ILoraAggregation
{
    /// <summary>The name of B_i among a client's private states: a set of the adapter's B tensors.</summary>
    public const string PrivateB = "lora_B";

    /// <inheritdoc/>
    public string Name => "fedsa";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.SharedPart;

    /// <inheritdoc/>
    public bool Streams => true;

    /// <inheritdoc/>
    public bool RanksMayDiffer => false;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.A;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.A;

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
