namespace FedLLM.Experiments.Configuration;

/// <summary>What no key can tell alone about who takes part in a round.</summary>
internal static class CohortConsistency
{
    /// <summary>Notes every inconsistency where its keys were given.</summary>
    public static void Check(Settings settings)
    {
        CheckCount(settings);
        CheckSimulation(settings);
        CheckBaselines(settings);
    }

    private static void CheckCount(Settings settings)
    {
        bool hasFraction = settings.TryGet<double>("federation.fraction", out _);
        bool hasCount = settings.TryGet<long>("federation.clients_per_round", out _);
        if (!settings.TryGet("federation.sampling", out CohortSampling sampling))
        {
            return;
        }

        if (hasFraction && sampling is not (CohortSampling.FixedFraction or CohortSampling.FedIt))
        {
            settings.AddAtOrigin("federation.fraction", "belongs to the samplings fixed-fraction and fedit; remove it, or choose one of them");
        }
        else if (hasFraction && hasCount)
        {
            settings.AddAtOrigin("federation.clients_per_round", "stands beside federation.fraction; keep one of them");
        }
        else if (!hasFraction && settings.IsNone("federation.fraction") && sampling == CohortSampling.FixedFraction)
        {
            settings.AddAtOrigin("federation.fraction", "is needed by sampling fixed-fraction; 0.05 is FedIT's");
        }
        else if (!hasFraction && settings.IsNone("federation.clients_per_round"))
        {
            settings.AddAtOrigin("federation.clients_per_round", "must be a number; auto is for federation.fraction");
        }
    }

    private static void CheckSimulation(Settings settings)
    {
        if (CohortKeys.IsSimulated(settings))
        {
            foreach (Key key in CohortKeys.Simulation().Where(k => settings.IsNone(k.Path)))
            {
                settings.AddAtOrigin(key.Path, "must be a number where clients are simulated; remove the key for its default, or write none for the whole section");
            }
        }
        else
        {
            if (settings.TryGet("federation.over_selection", out double share) && share > 0)
            {
                settings.AddAtOrigin(
                    "federation.over_selection", "needs simulated clients, for without simulated time every sampled client is waited for; add the section simulation");
            }

            if (settings.TryGet<double>("federation.deadline", out _))
            {
                settings.AddAtOrigin(
                    "federation.deadline", "counts simulated seconds; add the section simulation (a deadline by the clock on the wall is not built yet)");
            }
        }
    }

    private static void CheckBaselines(Settings settings)
    {
        if (!settings.TryGet("federation.algorithm", out Algorithm algorithm))
        {
            return;
        }

        if (settings.TryGet("federation.client", out long client))
        {
            if (algorithm != Algorithm.Local)
            {
                settings.AddAtOrigin("federation.client", "belongs to federation.algorithm local; remove it, or choose that");
            }
            else if (settings.TryGet("data.partition.clients", out long clients) && client >= clients)
            {
                settings.AddAtOrigin("federation.client", FormattableString.Invariant($"must be below data.partition.clients, {clients}; the first client is 0"));
            }
        }

        bool isPooled = algorithm == Algorithm.Centralized;
        if (settings.TryGet("federation.pooling", out Pooling pooling) && !isPooled)
        {
            settings.AddAtOrigin("federation.pooling", "belongs to federation.algorithm centralized; remove it, or choose that");
        }
        else if (isPooled && settings.IsNone("federation.pooling"))
        {
            settings.AddAtOrigin("federation.pooling", "is needed by algorithm centralized; write equal-steps or equal-samples");
        }
        else if (isPooled && pooling == Pooling.EqualSamples && settings.TryGet<double>("training.epochs", out _))
        {
            settings.AddAtOrigin("federation.pooling", "equal-samples counts in steps; use training.max_steps in place of training.epochs");
        }

        if (algorithm is not (Algorithm.Local or Algorithm.Centralized))
        {
            return;
        }

        if (CohortKeys.IsSimulated(settings))
        {
            string given = CohortKeys.Simulation().Select(k => k.Path).First(p => settings.IsGiven(p) && settings.TryGet<double>(p, out _));
            settings.AddAtOrigin(given, "simulates clients that are sampled; local and centralized sample nobody: remove the section");
        }

        if (settings.TryGet("federation.lora_aggregation", out LoraAggregation aggregation) && aggregation != LoraAggregation.Average)
        {
            settings.AddAtOrigin("federation.lora_aggregation", "combines several clients; with local and centralized there is one: write average");
        }
    }
}
