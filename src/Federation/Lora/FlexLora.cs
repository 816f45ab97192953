using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;
using FedLLM.Numerics.Decompositions;

namespace FedLLM.Federation.Lora;

/// <summary>
/// FlexLoRA: Bai, Chen, Qian, Yao, Li, "Federated Fine-tuning of Large Language Models under Heterogeneous Tasks and Client Resources", NeurIPS 2024.
/// The products are summed, and the sum is split anew by a singular value decomposition.
/// </summary>
/// <remarks>
/// <para>W = Σ p_i s_i B_i·A_i = U·S·Vᵀ; a client of rank r_i gets B = U_r S_r / s_i, A = V_rᵀ, r = r_i: the best approximation of W of that rank.</para>
/// <para>
/// W is never formed: with the stacks [√(p_i s_i) B_i] = Q_B R_B and [√(p_i s_i) A_i]ᵀ = Q_A R_A (Householder), W = Q_B (R_B R_Aᵀ) Q_Aᵀ, and the core
/// is decomposed by one-sided Jacobi, all in float64. Where the sum's rank is below r, the rows of A go on orthonormal and B's columns are zero, so every component can learn.
/// </para>
/// Deviations: p_i counts the members. Exact up to the truncation to the global rank.
/// </remarks>
public sealed class FlexLora : ILoraAggregation
{
    private readonly LoraShapes _shapes;

    /// <summary>Fixes the adapters' shapes.</summary>
    public FlexLora(LoraShapes shapes)
    {
        ArgumentNullException.ThrowIfNull(shapes);
        _shapes = shapes;
    }

    /// <inheritdoc/>
    public string Name => "flexlora";

    /// <inheritdoc/>
    public LoraOutput Output => LoraOutput.Adapter;

    /// <inheritdoc/>
    public bool Streams => false;

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
        optimizer, name => $"flexlora splits the sum into new factors every round, so what {name} keeps about the last round's means nothing");

    /// <inheritdoc/>
    public TensorSet ForClient(TensorSet global, int client) => LoraTruncation.Take(global, _shapes, client);

    /// <inheritdoc/>
    public TensorLayout ClientLayout(TensorLayout global, int client) => LoraTruncation.Layout(global, _shapes, client);

    /// <inheritdoc/>
    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(updates);
        var stack = new FactorStack();
        updates.StackProducts(stack, client => ForClient(state.Adapter, client), _shapes, cancellationToken);
        var next = new TensorSet(state.Adapter.Layout);
        foreach (LoraPair pair in LoraNames.Pairs(next.Layout))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Split(stack, pair, _shapes.Global.Scaling, next);
        }

        return new Combined { Adapter = next };
    }

    private static void Split(FactorStack stack, LoraPair pair, double scaling, TensorSet next)
    {
        (ColumnMatrix stackedB, ColumnMatrix stackedA) = stack.Columns(pair.Module, pair.Rank); // [out, R], [in, R]
        HouseholderQr left = HouseholderQr.Factor(stackedB);
        HouseholderQr right = HouseholderQr.Factor(stackedA);
        JacobiSvd core = JacobiSvd.Decompose(TimesTransposed(left.R, right.R)); // [min(out, R), min(in, R)]
        int held = Math.Min(pair.Rank, core.Right.Columns); // below r only where r exceeds in
        ColumnMatrix b = ColumnMatrix.Product(left.Q, core.ScaledLeft);
        ColumnMatrix a = ColumnMatrix.Product(right.Q, core.Right);
        Span<float> factorA = next[pair.A];
        Span<float> factorB = next[pair.B];
        for (int k = 0; k < held; k++)
        {
            for (int i = 0; i < pair.Inputs; i++)
            {
                factorA[(k * pair.Inputs) + i] = (float)a[i, k];
            }

            for (int o = 0; o < pair.Outputs; o++)
            {
                factorB[(o * pair.Rank) + k] = (float)(b[o, k] / scaling);
            }
        }
    }

    private static ColumnMatrix TimesTransposed(ColumnMatrix left, ColumnMatrix right)
    {
        var transposed = new ColumnMatrix(right.Columns, right.Rows);
        for (int j = 0; j < right.Columns; j++)
        {
            for (int i = 0; i < right.Rows; i++)
            {
                transposed[j, i] = right[i, j];
            }
        }

        return ColumnMatrix.Product(left, transposed);
    }
}
