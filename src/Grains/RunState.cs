using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>What grain storage holds of a run. The run's journal, checkpoints and tensors are in its directory; this says what the run is, whether it is meant to go on, and who drives it.</summary>
[GenerateSerializer]
[Alias("fedllm.run-state.1")]
public sealed record RunState
{
    /// <summary>What was started; null for a run that never was.</summary>
    [Id(0)]
    public RunSpec? Spec { get; init; }

    /// <summary>The phase, by name; empty before the start.</summary>
    [Id(1)]
    public string Phase { get; init; } = "";

    /// <summary>Why it failed; null elsewhere.</summary>
    [Id(2)]
    public string? Reason { get; init; }

    /// <summary>The coordinator that drives the run. Any other that finds this changed was given up for dead.</summary>
    [Id(3)]
    public string Driver { get; init; } = "";

    /// <summary>The last round that a driver set out to commit; -1 before one.</summary>
    [Id(4)]
    public int Round { get; init; } = -1;

    /// <summary>SHA-256 of the global adapter after it.</summary>
    [Id(5)]
    public string Adapter { get; init; } = "";
}
