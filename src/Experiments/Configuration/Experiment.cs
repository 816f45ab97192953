using FedLLM.Engine.Learners;

namespace FedLLM.Experiments.Configuration;

/// <summary>A whole experiment, every value checked and every default filled in. Two experiments are equal when all their values are.</summary>
public sealed record Experiment
{
    /// <summary>The run's name, fit for a folder's; the default run directory is <c>runs/&lt;name&gt;</c>. Default: the file's name.</summary>
    public required string Name { get; init; }

    /// <summary>Whose values filled the gaps, or null for OpenFedLLM's config.py.</summary>
    public Preset? Preset { get; init; }

    /// <summary>Seed of every random draw; 0 or more. Default 2023.</summary>
    public required long Seed { get; init; }

    /// <summary>What clients learn.</summary>
    public required TaskKind Task { get; init; }

    /// <summary>The base model.</summary>
    public required ModelOptions Model { get; init; }

    /// <summary>The adapter.</summary>
    public required LoraOptions Lora { get; init; }

    /// <summary>The data and its partition.</summary>
    public required DataOptions Data { get; init; }

    /// <summary>Rounds, cohorts and aggregation.</summary>
    public required FederationOptions Federation { get; init; }

    /// <summary>How simulated clients behave; null where every sampled client is waited for.</summary>
    public SimulationOptions? Simulation { get; init; }

    /// <summary>Preference learning.</summary>
    public required DpoOptions Dpo { get; init; }

    /// <summary>A client's local training.</summary>
    public required TrainingOptions Training { get; init; }

    /// <summary>Evaluation of the global adapter.</summary>
    public required EvaluationOptions Evaluation { get; init; }

    /// <summary>What a run keeps on disk.</summary>
    public required CheckpointOptions Checkpoint { get; init; }
}

/// <summary>The base model.</summary>
/// <param name="Path">Absolute path of a Hugging Face model directory.</param>
/// <param name="WeightType">How its weights are kept in memory (<c>model.dtype</c>).</param>
/// <param name="Device">Where it computes.</param>
/// <param name="Quantization">How its layers' matrices are kept on the device.</param>
public sealed record ModelOptions(string Path, WeightType WeightType, DeviceKind Device, WeightQuantization Quantization = WeightQuantization.None);

/// <summary>What a run keeps on disk.</summary>
/// <param name="Every">A checkpoint every so many rounds, and after the last. Default 1.</param>
/// <param name="Keep">How many checkpoints are kept. Default 3.</param>
/// <param name="KeepUpdates">Whether clients' updates stay in the store after the state that contains them is safe. Default false.</param>
public sealed record CheckpointOptions(int Every, int Keep, bool KeepUpdates);
