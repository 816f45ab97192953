using FedLLM.Engine.Files;

namespace FedLLM.Engine.Models;

/// <summary>
/// What a LoRA adapter is, in PEFT's terms: y = W·x + s·B·(A·dropout(x)) on the targeted linear layers, s = alpha/r (Hu et al., 2021) or alpha/√r
/// (rank-stabilised; Kalajdzievski, 2023). Rank and alpha may differ by module.
/// </summary>
/// <param name="Rank">r where <see cref="RankPattern"/> says nothing else, at least 1.</param>
/// <param name="Alpha">alpha where <see cref="AlphaPattern"/> says nothing else.</param>
/// <param name="Dropout">Probability of dropping an input element of A in training, in [0, 1).</param>
/// <param name="Targets">Which linear layers carry an adapter.</param>
public sealed record LoraConfig(int Rank, double Alpha, double Dropout, LoraTargets Targets)
{
    /// <summary>Adapts <paramref name="targets"/> in every decoder layer, with one rank and one alpha.</summary>
    public LoraConfig(int rank, double alpha, double dropout, IReadOnlySet<LinearKind> targets)
        : this(rank, alpha, dropout, LoraTargets.Of(targets))
    {
    }

    /// <summary>Ranks by module: PEFT's <c>rank_pattern</c>. The first pattern that matches a module's name counts; see <see cref="ModulePatterns{T}"/>.</summary>
    public ModulePatterns<int> RankPattern { get; init; } = ModulePatterns<int>.None;

    /// <summary>Alphas by module: PEFT's <c>alpha_pattern</c>.</summary>
    public ModulePatterns<double> AlphaPattern { get; init; } = ModulePatterns<double>.None;

    /// <summary>Whether the scaling is alpha/√r instead of alpha/r: PEFT's <c>use_rslora</c>.</summary>
    public bool RankStabilized { get; init; }

    /// <summary>Lists the adapted linear layers of a decoder of <paramref name="layers"/> layers, by layer, then by <see cref="LinearKind"/>.</summary>
    /// <exception cref="LoraConfigException">A target or a pattern names no linear layer or something else, or there is no target.</exception>
    public IReadOnlyList<LoraModule> Modules(int layers)
    {
        string[] names = [.. TensorNames.LinearModules(layers)];
        RankPattern.RequireMatches("rank_pattern", names);
        AlphaPattern.RequireMatches("alpha_pattern", names);
        var modules = new List<LoraModule>();
        foreach ((int layer, LinearKind kind) in Targets.Resolve(layers))
        {
            string name = TensorNames.Module(layer, kind);
            int rank = RankPattern.Find(name, Rank);
            double alpha = AlphaPattern.Find(name, Alpha);
            modules.Add(new LoraModule(layer, kind, rank, (float)(alpha / (RankStabilized ? Math.Sqrt(rank) : rank))));
        }

        return modules;
    }
}

/// <summary>One adapted linear layer.</summary>
/// <param name="Layer">The decoder layer, from 0.</param>
/// <param name="Kind">Which of its linear layers.</param>
/// <param name="Rank">r.</param>
/// <param name="Scaling">s, the factor of B·A.</param>
public readonly record struct LoraModule(int Layer, LinearKind Kind, int Rank, float Scaling);
