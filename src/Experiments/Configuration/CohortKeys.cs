namespace FedLLM.Experiments.Configuration;

/// <summary>The keys that say who takes part in a round, and how simulated clients behave.</summary>
internal static class CohortKeys
{
    /// <summary>The samplers by name.</summary>
    private static readonly ChoiceType<CohortSampling> Samplers = new(
    [
        ("uniform", CohortSampling.Uniform), ("openfedllm", CohortSampling.OpenFedLlm), ("fedit", CohortSampling.FedIt),
        ("weighted", CohortSampling.Weighted), ("round-robin", CohortSampling.RoundRobin), ("fixed-fraction", CohortSampling.FixedFraction),
    ]);

    /// <summary>Keys of the section <c>federation</c>.</summary>
    public static IEnumerable<Key> Federation() =>
    [
        new("federation.clients_per_round", new OptionalType(new IntegerType(1), "auto"), null, e => e.Federation.ClientsPerRound is { } count ? (long)count : null),
        new("federation.fraction", new OptionalType(new NumberType(new Bounds(0, false, 1, true))), null, e => e.Federation.Fraction),
        new("federation.sampling", Samplers, "uniform", e => e.Federation.Sampling),
        new("federation.client", new OptionalType(new IntegerType(0)), "none", e => e.Federation.Client is { } client ? (long)client : null),
        new("federation.pooling", new OptionalType(new ChoiceType<Pooling>([("equal-steps", Pooling.EqualSteps), ("equal-samples", Pooling.EqualSamples)])),
            null, e => e.Federation.Pooling),
        new("federation.over_selection", new NumberType(new Bounds(0, true, 100, true)), "0", e => e.Federation.OverSelection),
        new("federation.quorum", new NumberType(new Bounds(0, false, 1, true)), "1", e => e.Federation.Quorum),
        new("federation.deadline", new OptionalType(new NumberType(Bounds.Above(0))), "none", e => e.Federation.Deadline),
        new("federation.wall_deadline", new OptionalType(new NumberType(new Bounds(0, false, 1e6, true))), "none", e => e.Federation.WallDeadline, KeyRole.Harmless),
        new("federation.max_abandoned", new IntegerType(1), "3", e => (long)e.Federation.MaxAbandoned),
        new("federation.budget_mb", new OptionalType(new NumberType(new Bounds(0, false, 1e12, true))), "none", e => e.Federation.BudgetMebibytes),
    ];

    /// <summary>The section <c>simulation</c>: all none, or all with a value.</summary>
    public static IEnumerable<Key> Simulation() =>
    [
        Number("availability", new Bounds(0, false, 1, true), s => s.Availability),
        Number("drop_out", new Bounds(0, true, 1, false), s => s.DropOut),
        Number("median_seconds", Bounds.Above(0), s => s.MedianSeconds),
        Number("client_spread", new Bounds(0, true, 10, true), s => s.ClientSpread),
        Number("round_spread", new Bounds(0, true, 10, true), s => s.RoundSpread),
    ];

    /// <summary>Fills what follows from other keys: a fraction stands in the place of a number of clients, and the simulation's keys go together.</summary>
    public static void Fill(Settings settings)
    {
        bool isFraction = settings.TryGet("federation.sampling", out CohortSampling sampling) && sampling == CohortSampling.FixedFraction;
        settings.FillIfMissing("federation.fraction", isFraction ? "0.05" : "none");
        settings.FillIfMissing("federation.clients_per_round", settings.TryGet<double>("federation.fraction", out _) ? "auto" : "2");
        bool isPooled = settings.TryGet("federation.algorithm", out Algorithm algorithm) && algorithm == Algorithm.Centralized;
        settings.FillIfMissing("federation.pooling", isPooled ? "equal-steps" : "none");
        bool isSimulated = IsSimulated(settings);
        foreach (Key key in Simulation())
        {
            string value = key.Name is "availability" or "median_seconds" ? "1" : "0";
            settings.FillIfMissing(key.Path, isSimulated ? value : "none");
        }
    }

    /// <summary>Whether clients are simulated: one of the section's keys has a value.</summary>
    public static bool IsSimulated(Settings settings) => Simulation().Any(k => settings.TryGet<double>(k.Path, out _));

    private static Key Number(string name, Bounds bounds, Func<SimulationOptions, double> value) => new(
        "simulation." + name, new OptionalType(new NumberType(bounds)), null, e => e.Simulation is { } simulation ? value(simulation) : null);
}
