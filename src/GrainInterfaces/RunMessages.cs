namespace FedLLM.GrainInterfaces;

/// <summary>A run to be started.</summary>
/// <param name="Experiment">The experiment file's text.</param>
/// <param name="BaseFolder">Where its relative paths start, on the silos.</param>
/// <param name="Overrides">Values in place of the file's, as <c>key.path=value</c>.</param>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.run-spec.1")]
public sealed record RunSpec([property: Id(0)] string Experiment, [property: Id(1)] string BaseFolder, [property: Id(2)] string[] Overrides);

/// <summary>Where a run stands, as far as its coordinator knows without asking anybody.</summary>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.run-info.1")]
public sealed record RunInfo
{
    /// <summary>The run's name.</summary>
    [Id(0)]
    public required string Name { get; init; }

    /// <summary><c>running</c>, <c>paused</c>, <c>cancelled</c>, <c>finished</c> or <c>failed</c>.</summary>
    [Id(1)]
    public required string Phase { get; init; }

    /// <summary>Why it failed, or what it waits for; null elsewhere.</summary>
    [Id(2)]
    public string? Reason { get; init; }

    /// <summary>The round under way, or the last committed one.</summary>
    [Id(3)]
    public required int Round { get; init; }

    /// <summary>How many rounds are planned.</summary>
    [Id(4)]
    public required int Rounds { get; init; }

    /// <summary>The clients of the round under way.</summary>
    [Id(5)]
    public int[] Cohort { get; init; } = [];

    /// <summary>How many of them have ended.</summary>
    [Id(6)]
    public int Answered { get; init; }

    /// <summary>The last committed round that is known; -1 before one.</summary>
    [Id(7)]
    public int Committed { get; init; } = -1;

    /// <summary>Its members' weighted loss; null where there is none.</summary>
    [Id(8)]
    public double? TrainLoss { get; init; }

    /// <summary>The newest evaluation's values by name.</summary>
    [Id(9)]
    public Dictionary<string, double> Evaluation { get; init; } = [];

    /// <summary>SHA-256 of the global adapter after it; empty before one.</summary>
    [Id(10)]
    public string Adapter { get; init; } = "";

    /// <summary>The silo on which the coordinator lives.</summary>
    [Id(11)]
    public string Silo { get; init; } = "";
}

/// <summary>Something that happened in a run.</summary>
/// <param name="Number">Counts the events of one coordinator from 1; after a crash another begins again.</param>
/// <param name="Kind"><c>round-started</c>, <c>client-finished</c>, <c>round-committed</c> or <c>phase</c>.</param>
/// <param name="Json">What happened, as one JSON object.</param>
[GenerateSerializer]
[Immutable]
[Alias("fedllm.run-event.1")]
public sealed record RunEventMessage([property: Id(0)] long Number, [property: Id(1)] string Kind, [property: Id(2)] string Json);

/// <summary>A run cannot be what it was asked to be: it does not exist, was cancelled, or its experiment is not sound.</summary>
[GenerateSerializer]
[Alias("fedllm.run-refused.1")]
public sealed class RunRefusedException : Exception
{
    /// <summary>Says why.</summary>
    public RunRefusedException(string message)
        : base(message)
    {
    }
}
