using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Configuration;

/// <summary>Which constants an algorithm has, and their defaults by convention: those of the system or paper that the convention names.</summary>
internal static class AlgorithmConstants
{
    public const string ProximalMu = "federation.prox_mu";
    public const string LearningRate = "federation.server_learning_rate";
    public const string Momentum = "federation.server_momentum";
    public const string Tau = "federation.tau";
    public const string Beta1 = "federation.beta1";
    public const string Beta2 = "federation.beta2";

    /// <summary>The keys of all constants.</summary>
    public static readonly IReadOnlyList<string> Keys = [ProximalMu, LearningRate, Momentum, Tau, Beta1, Beta2];

    /// <summary>Returns the constants that an algorithm has by a convention, by key, with their defaults.</summary>
    public static IReadOnlyDictionary<string, double> Defaults(Algorithm algorithm, Convention convention) => algorithm switch
    {
        Algorithm.FedAvg or Algorithm.Scaffold or Algorithm.Local or Algorithm.Centralized => new Dictionary<string, double>(),
        Algorithm.FedProx => new Dictionary<string, double> { [ProximalMu] = 0.01 },

        // OpenFedLLM's has no learning rate; Flower's default is no momentum.
        Algorithm.FedAvgM when convention == Convention.OpenFedLlm => new Dictionary<string, double> { [Momentum] = 0.9 },
        Algorithm.FedAvgM => new Dictionary<string, double> { [LearningRate] = 1, [Momentum] = convention == Convention.Flower ? 0 : 0.9 },

        // OpenFedLLM's takes the mean delta itself for the first moment.
        Algorithm.FedAdagrad => Adaptive(FedAdagrad.Defaults(convention), first: convention != Convention.OpenFedLlm, second: false),
        Algorithm.FedYogi => Adaptive(FedYogi.Defaults(convention), first: true, second: true),
        Algorithm.FedAdam => Adaptive(FedAdam.Defaults(convention), first: true, second: true),
        _ => throw new InvalidOperationException($"The algorithm {algorithm} is not handled."),
    };

    /// <summary>Fills the constants that were not given: with the convention's, or with none where the algorithm has no such constant.</summary>
    public static void Fill(Settings settings)
    {
        Algorithm algorithm = settings.TryGet("federation.algorithm", out Algorithm named) ? named : Algorithm.FedAvg;
        Convention convention = settings.TryGet("federation.convention", out Convention whose) ? whose : Convention.OpenFedLlm;
        IReadOnlyDictionary<string, double> defaults = Defaults(algorithm, convention);
        foreach (string path in Keys)
        {
            settings.FillIfMissing(path, defaults.TryGetValue(path, out double value) ? Schema.Find(path)!.Type.Write(value) : "none");
        }
    }

    private static Dictionary<string, double> Adaptive(AdaptiveSettings settings, bool first, bool second)
    {
        var constants = new Dictionary<string, double> { [LearningRate] = settings.LearningRate, [Tau] = settings.Tau };
        if (first)
        {
            constants[Beta1] = settings.Beta1;
        }

        if (second)
        {
            constants[Beta2] = settings.Beta2;
        }

        return constants;
    }
}
