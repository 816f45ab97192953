using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FLoRA: Wang, Shen, He, Sun, Wang, Lyu, Li, "FLoRA: Federated Fine-Tuning Large Language Models with Heterogeneous Low-Rank Adaptations", NeurIPS 2024.
/// The members' factors are stacked, their product is added to the base model, and every round begins with fresh adapters.
/// </summary>
/// <remarks>
/// <para>ΔW = Σ p_i s_i B_i·A_i = [p_1 s_1 B_1 … p_K s_K B_K]·[A_1; …; A_K], s_i = alpha_i / r_i: exact, for any ranks.</para>
/// <para>
/// Deviations: the base model itself stays, ΔW accumulates in the <see cref="StackedCorrection"/>; the fresh A of a round is common to all clients (the first r_i rows
/// of it), where each of the paper's clients draws its own; p_i scales B rather than A. A sampled client is counted as being sent the whole correction,
/// for it keeps nothing between rounds.
/// </para>
/// </remarks>
public sealed class Flora : ILoraAggregation
{
    private readonly LoraShapes _shapes;
    private readonly ulong _seed;

    /// <summary>Fixes the adapters' shapes and the seed of the fresh ones.</summary>
    public Flora(LoraShapes shapes, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        (_shapes, _seed) = (shapes, seed);
    }

    /// <inheritdoc/>
    public string Name => "flora";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.AdapterAndBaseCorrection;

    /// <inheritdoc/>
    public bool Streams => false;

    /// <inheritdoc/>
    public bool RanksMayDiffer => true;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.None;

    /// <inheritdoc/>
    public string? RefusalOf(IServerOptimizer optimizer) => LoraCombinations.UnlessStateless(
        optimizer, name => $"flora begins every round with fresh factors, so what {name} keeps about the last round's means nothing");

    /// <inheritdoc/>
    public TensorSet ForClient(TensorSet global, int client) => LoraTruncation.Take(global, _shapes, client);

    /// <inheritdoc/>
    public TensorLayout ClientLayout(TensorLayout global, int client) => LoraTruncation.Layout(global, _shapes, client);

    /// <inheritdoc/>
    public TensorSet Result(GlobalState state) => StackedCorrection.Join(state, _shapes.Global.Scaling);

    /// <inheritdoc/>
    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(updates);
        var stack = new FactorStack();
        if (state.BaseCorrection is { } correction)
        {
            stack.Add(correction, 1);
        }

        updates.StackProducts(stack, client => ForClient(state.Adapter, client), _shapes, cancellationToken);
        return new Combined
        {
            Adapter = FreshAdapter.Draw(state.Adapter.Layout, _seed, round),
            BaseCorrection = StackedCorrection.Of(stack),
        };
    }
}
