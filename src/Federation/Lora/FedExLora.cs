using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FedEx-LoRA: Singhal, Ponkshe, Vepakomma, "FedEx-LoRA: Exact Aggregation for Federated and Efficient Fine-Tuning of Large Language Models", ACL 2025.
/// The factors are averaged, and what that loses is added to the base model.
/// </summary>
/// <remarks>
/// <para>Ā = Σ p_i A_i, B̄ = Σ p_i B_i; W_0 ← W_0 + s (Σ p_i B_i·A_i - B̄·Ā): exact.</para>
/// <para>
/// Deviations: p_i follows the server optimizer's weighting, n_i / N, where the paper's code takes 1 / K; the residual is kept as stacked factors of
/// rank (K + 1) r in the <see cref="StackedCorrection"/>; it is exact for the averages as float32 has them. The paper's truncated residual is not built.
/// </para>
/// </remarks>
public sealed class FedExLora : ILoraAggregation
{
    private readonly LoraShapes _shapes;

    /// <summary>Fixes the adapters' shape, which is common to all.</summary>
    public FedExLora(LoraShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        _shapes = shapes;
    }

    /// <inheritdoc/>
    public string Name => "fedex";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.AdapterAndBaseCorrection;

    /// <inheritdoc/>
    public bool Streams => false;

    /// <inheritdoc/>
    public bool RanksMayDiffer => false;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public string? RefusalOf(IServerOptimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        return optimizer.AddsTheMean
            ? null
            : $"fedex makes the merged weights the mean of the clients', and {optimizer.Name} would step elsewhere; it goes with fedavg, fedprox and scaffold.";
    }

    /// <inheritdoc/>
    public TensorSet ForClient(TensorSet global, int client) => global;

    /// <inheritdoc/>
    public TensorSet Result(GlobalState state) => StackedCorrection.Join(state, _shapes.Global.Scaling);

    /// <inheritdoc/>
    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(updates);
        LoraTruncation.RequireRank(state.Adapter, _shapes.Global.Rank);
        TensorSet mean = updates.Mean(state.Adapter.Layout, cancellationToken);
        var stack = new FactorStack();
        if (state.BaseCorrection is { } correction)
        {
            stack.Add(correction, 1);
        }

        updates.StackProducts(stack, _ => state.Adapter, _shapes, cancellationToken);

        // The averaged factors, to the bit as the server's step will have them.
        stack.Add(FedAvg.Add(state.Adapter, mean), -_shapes.Global.Scaling);
        return new Combined { MeanDelta = mean, BaseCorrection = StackedCorrection.Of(stack) };
    }
}
