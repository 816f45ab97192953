using FedLLM.Data.Sampling;

namespace FedLLM.Experiments.Configuration;

/// <summary>A client's local training.</summary>
public sealed record TrainingOptions
{
    /// <summary>Samples in a micro-batch. Default 16.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Micro-batches in an optimizer step. Default 1.</summary>
    public required int GradientAccumulation { get; init; }

    /// <summary>How the micro-batches of a step combine.</summary>
    public required Accumulation Accumulation { get; init; }

    /// <summary>Optimizer steps of a client in a round; null where <see cref="Epochs"/> count. Default 10.</summary>
    public required int? MaxSteps { get; init; }

    /// <summary>Passes over the shard in a round, in place of <see cref="MaxSteps"/>; above 0; null where steps count.</summary>
    public double? Epochs { get; init; }

    /// <summary>Returns the optimizer steps of a client with so many samples.</summary>
    public int Steps(int samples) => MaxSteps ?? RoundSampler.StepsOf(Epochs!.Value, samples, BatchSize, GradientAccumulation);

    /// <summary>Learning rate, above 0. Default 2e-5.</summary>
    public required double LearningRate { get; init; }

    /// <summary>The learning rate over the run.</summary>
    public required LearningRateSchedule Schedule { get; init; }

    /// <summary>
    /// Over how many rounds (schedules by round) or optimizer steps (schedules by step) the learning rate rises linearly from 0; 0 or more, below their number,
    /// and 0 with <see cref="LearningRateSchedule.Constant"/>. Default 0.
    /// </summary>
    public required int Warmup { get; init; }

    /// <summary>What a schedule falls to; 0 or more. Default 1e-6 (sft) or 1e-5 (dpo).</summary>
    public required double MinLearningRate { get; init; }

    /// <summary>The optimizer.</summary>
    public required OptimizerKind Optimizer { get; init; }

    /// <summary>Momentum of <see cref="OptimizerKind.Sgd"/>, in [0, 1), default 0; null with another optimizer.</summary>
    public double? Momentum { get; init; }

    /// <summary>Decoupled weight decay; 0 or more. Default 0.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>Global norm gradients are clipped to, above 0, or null for no clipping. Default 1.</summary>
    public double? MaxGradNorm { get; init; }

    /// <summary>Whether activations are computed again in the backward pass instead of being kept. Never changes a result. Default false.</summary>
    public required bool GradientCheckpointing { get; init; }

    /// <summary>Threads, or null (<c>auto</c>) for all cores. Never changes a result.</summary>
    public int? Threads { get; init; }

    /// <summary>Clients trained side by side, or null (<c>auto</c>). Never changes a result.</summary>
    public int? Lanes { get; init; }

    /// <summary>Most MiB that the lanes hold together, which bounds their number, or null (<c>auto</c>) for what the machine has. Never changes a result.</summary>
    public int? LaneMemory { get; init; }
}

/// <summary>Evaluation of the global adapter, and of the clients' own.</summary>
/// <param name="Every">Every so many rounds, before the first and after the last. Default 10.</param>
/// <param name="Data">Absolute path of the held-out data, or null for no evaluation.</param>
/// <param name="Suites">What is measured; each once. Default loss, with task dpo preference.</param>
public sealed record EvaluationOptions(int Every, string? Data, IReadOnlyList<EvaluationSuite> Suites)
{
    /// <summary>Whose own held-out data is measured, too. Default none.</summary>
    public PersonalEvaluation Personal { get; init; }

    /// <summary>Compares all values, suites included.</summary>
    public bool Equals(EvaluationOptions? other) =>
        other is not null && (Every, Data, Personal) == (other.Every, other.Data, other.Personal) && Suites.SequenceEqual(other.Suites);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Every, Data, Suites.Count);
}
