using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;
using FedLLM.Numerics.Decompositions;

namespace FedLLM.Federation.Lora;

/// <summary>
/// HetLoRA: Cho, Liu, Xu, Fahrezi, Joshi, "Heterogeneous LoRA for Federated Fine-tuning of On-Device Foundation Models", EMNLP 2024.
/// Factors of different ranks are padded with zeros and averaged by the norms of their products; a client gets the first r_i components.
/// </summary>
/// <remarks>
/// <para>Ā = Σ p_i pad(A_i), B̄ = Σ p_i pad(B_i), p_i = ‖s_i B_i·A_i‖_F / Σ_j ‖s_j B_j·A_j‖_F. Inexact, as every average of factors.</para>
/// <para>
/// Deviations: one p_i for a client, its norm over all modules together; where alpha_i / r_i differs between clients, B is scaled to the global scaling before it is padded;
/// components that a client lacks count as zero, as in the paper; the rank self-pruning and its regulariser are not built. The norms come from r×r Gram matrices.
/// The sum is in fixed point, and streams: the updates are read twice.
/// </para>
/// </remarks>
public sealed class HetLora : ILoraAggregation
{
    private readonly LoraShapes _shapes;

    /// <summary>Fixes the adapters' shapes.</summary>
    public HetLora(LoraShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        _shapes = shapes;
    }

    /// <inheritdoc/>
    public string Name => "hetlora";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.Adapter;

    /// <inheritdoc/>
    public bool Streams => true;

    /// <inheritdoc/>
    public bool RanksMayDiffer => true;

    /// <inheritdoc/>
    public LoraFactors Trained(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Uploaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public LoraFactors Downloaded(int round) => LoraFactors.Both;

    /// <inheritdoc/>
    public string? RefusalOf(IServerOptimizer optimizer) => LoraCombinations.UnlessStateless(
        optimizer, name => $"hetlora counts the components that a client lacks as zero, so its mean is no step for {name} to follow");

    /// <inheritdoc/>
    public TensorSet ForClient(TensorSet global, int client) => LoraTruncation.Take(global, _shapes, client);

    /// <inheritdoc/>
    public TensorLayout ClientLayout(TensorLayout global, int client) => LoraTruncation.Layout(global, _shapes, client);

    /// <inheritdoc/>
    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(updates);

        // First reading: the norms, and what the sum must know. A client that learned nothing at all weighs nothing, unless none learned.
        var members = new List<Member>();
        foreach (ClientReceipt member in updates.Members)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TensorSet factors = updates.Factors(member, ForClient(state.Adapter, member.Client));
            double norm = _shapes.Of(member.Client).Scaling * Math.Sqrt(LoraNames.Pairs(factors.Layout).Sum(p => SquaredNorm(factors, p)));
            members.Add(new Member(member.Client, norm, TensorMagnitudes.Of(Delta(state.Adapter, factors, member.Client))));
        }

        Member[] weighing = members.Exists(m => m.Weight > 0) ? [.. members.Where(m => m.Weight > 0)] : [.. members.Select(m => m with { Weight = 1 })];

        // Second reading: the sum.
        var sum = new FixedPointSum(new FixedPointPlan(state.Adapter.Layout, weighing));
        foreach (ClientReceipt member in updates.Members.Where(u => weighing.Any(m => m.Client == u.Client)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            sum.Add(member.Client, Delta(state.Adapter, updates.Factors(member, ForClient(state.Adapter, member.Client)), member.Client));
        }

        return new Combined { MeanDelta = sum.Mean() };
    }

    // pad(w_i) - w^t.
    private TensorSet Delta(TensorSet global, TensorSet factors, int client)
    {
        TensorSet delta = LoraTruncation.Pad(factors, global.Layout, _shapes, client);
        for (int i = 0; i < delta.Values.Length; i++)
        {
            delta.Values[i] -= global.Values[i];
        }

        return delta;
    }

    // ‖B·A‖² = Σ_{kl} (BᵀB)_{kl} (A·Aᵀ)_{kl}.
    private static double SquaredNorm(TensorSet factors, LoraPair pair)
    {
        var stack = new FactorStack();
        stack.Add(factors, 1);
        (ColumnMatrix b, ColumnMatrix a) = stack.Columns(pair.Module, pair.Rank);
        double sum = 0;
        for (int k = 0; k < pair.Rank; k++)
        {
            for (int l = 0; l < pair.Rank; l++)
            {
                sum += ColumnMatrix.Dot(b.Column(k), b.Column(l)) * ColumnMatrix.Dot(a.Column(k), a.Column(l));
            }
        }

        return Math.Max(sum, 0);
    }
}
