using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Configuration;

/// <summary>What does not fit one another among the algorithm, its constants, the LoRA aggregation and the clients' ranks.</summary>
internal static class AlgorithmConsistency
{
    /// <summary>Notes every inconsistency where its keys could be read.</summary>
    public static void Check(Settings settings)
    {
        if (settings.TryGet("federation.algorithm", out Algorithm algorithm) && settings.TryGet("federation.convention", out Convention convention))
        {
            CheckConstants(settings, algorithm, convention);
        }
    }

    private static void CheckConstants(Settings settings, Algorithm algorithm, Convention convention)
    {
        IReadOnlyDictionary<string, double> constants = AlgorithmConstants.Defaults(algorithm, convention);
        foreach (string path in AlgorithmConstants.Keys)
        {
            if (!constants.ContainsKey(path) && settings.TryGet<double>(path, out _))
            {
                settings.AddAtOrigin(path, $"is no constant of the algorithm by this convention; remove it, or choose {UsersOf(path)}");
            }
            else if (constants.ContainsKey(path) && settings.IsNone(path))
            {
                settings.AddAtOrigin(path, "is needed by the algorithm; give it a value, or remove the key for its default");
            }
        }
    }

    private static string UsersOf(string path) => path switch
    {
        AlgorithmConstants.ProximalMu => "fedprox",
        AlgorithmConstants.Momentum => "fedavgm",
        AlgorithmConstants.LearningRate => "fedadagrad, fedyogi, fedadam, or fedavgm with convention reddi or flower",
        AlgorithmConstants.Tau => "fedadagrad, fedyogi or fedadam",
        AlgorithmConstants.Beta1 => "fedyogi, fedadam, or fedadagrad with convention reddi or flower",
        _ => "fedyogi or fedadam",
    };
}
