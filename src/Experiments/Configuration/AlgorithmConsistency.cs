using FedLLM.Experiments.Running;
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

        if (settings.TryGet("federation.lora_aggregation", out LoraAggregation aggregation))
        {
            CheckRanks(settings, aggregation);
            if (settings.TryGet("federation.algorithm", out Algorithm optimizer) && RefusalOf(optimizer, aggregation) is { } refusal)
            {
                settings.AddAtOrigin("federation.lora_aggregation", "does not go with the algorithm: " + refusal.TrimEnd('.'));
            }
        }
    }

    private static void CheckRanks(Settings settings, LoraAggregation aggregation)
    {
        bool manyRanks = aggregation is LoraAggregation.Flora or LoraAggregation.FlexLora or LoraAggregation.HetLora;
        if (settings.TryGet<IReadOnlyList<KeyValuePair<int, int>>>("lora.rank_by_client", out var ranks) && ranks.Count > 0)
        {
            if (!manyRanks)
            {
                settings.AddAtOrigin("lora.rank_by_client", "needs federation.lora_aggregation flora, flexlora or hetlora; the others need adapters of one rank");
            }

            if (settings.TryGet("lora.rank", out long rank) && ranks.Any(r => r.Value > rank))
            {
                settings.AddAtOrigin("lora.rank_by_client", "has a rank above lora.rank, which is the global adapter's");
            }

            if (settings.TryGet("data.partition.clients", out long clients) && ranks.Any(r => r.Key >= clients))
            {
                settings.AddAtOrigin("lora.rank_by_client", $"names a client that does not exist; ids go from 0 to {clients - 1}");
            }
        }

        // Their products are of one scaling in all modules.
        if (manyRanks || aggregation == LoraAggregation.FedEx)
        {
            RefusePattern<int>("lora.rank_pattern");
            RefusePattern<double>("lora.alpha_pattern");
        }

        void RefusePattern<T>(string path)
        {
            if (settings.TryGet<IReadOnlyList<KeyValuePair<string, T>>>(path, out var pattern) && pattern.Count > 0)
            {
                settings.AddAtOrigin(path, "cannot be used with federation.lora_aggregation flora, flexlora, hetlora and fedex, which need one rank and one alpha in all modules");
            }
        }
    }

    private static string? RefusalOf(Algorithm algorithm, LoraAggregation aggregation)
    {
        if (algorithm is Algorithm.Local or Algorithm.Centralized)
        {
            return aggregation == LoraAggregation.Average ? null : "with one client there is nothing to combine; write average";
        }

        // Which constants, shapes and numbers of clients makes no difference here.
        const Convention Any = Convention.OpenFedLlm;
        IServerOptimizer optimizer = algorithm switch
        {
            Algorithm.FedAvg => new FedAvg(),
            Algorithm.FedProx => new FedProx(0),
            Algorithm.Scaffold => new Scaffold(1),
            Algorithm.FedAvgM => new FedAvgM(Any, 0, 1),
            Algorithm.FedAdagrad => new FedAdagrad(Any, FedAdagrad.Defaults(Any)),
            Algorithm.FedYogi => new FedYogi(Any, FedYogi.Defaults(Any)),
            Algorithm.FedAdam => new FedAdam(Any, FedAdam.Defaults(Any)),
            _ => throw new InvalidOperationException($"The algorithm {algorithm} is not handled."),
        };
        return LoraAggregations.For(aggregation, new LoraOptions(1, 1, 0, new LoraTargetOptions([])), 0).RefusalOf(optimizer);
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
