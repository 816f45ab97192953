using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.TestSupport;

/// <summary>A trainer with one lane.</summary>
public sealed class SingleLane<TSample>(
    DecoderWeights weights, LoraConfig lora, OptimizerSettings optimizer, IObjective<TSample> objective, Workers workers, bool checkpointing = false)
{
    private readonly LoraTrainer<TSample> _trainer = new(weights, objective, workers, checkpointing);
    private readonly TrainingLane _lane = new(weights.Config, lora, optimizer);

    public TensorSet Parameters => _lane.Parameters;

    public TensorSet Gradient => _lane.Gradient;

    public void Start(TensorSet adapter, LaneTerms? terms = null) => _lane.Start(adapter, terms);

    public StepResult Step(IReadOnlyList<TSample[]> microBatches, StepSettings settings)
    {
        var results = new StepResult[1];
        _trainer.Step([new LaneStep<TSample>(_lane, microBatches, settings)], results);
        return results[0];
    }

    public StepResult ComputeGradient(IReadOnlyList<TSample[]> microBatches, StepSettings settings)
    {
        var results = new StepResult[1];
        _trainer.ComputeGradient([new LaneStep<TSample>(_lane, microBatches, settings)], results);
        return results[0];
    }
}

/// <summary>Makes trainers with one lane.</summary>
public static class SingleLane
{
    /// <summary>For supervised fine-tuning.</summary>
    public static SingleLane<TokenSequence> Supervised(
        DecoderWeights weights, LoraConfig lora, OptimizerSettings optimizer, Workers workers, bool checkpointing = false)
        => new(weights, lora, optimizer, new NextTokenObjective(), workers, checkpointing);

    /// <summary>For preferences.</summary>
    public static SingleLane<ReferencedPair> Preferences(DecoderWeights weights, LoraConfig lora, PreferenceObjective objective, Workers workers)
        => new(weights, lora, new AdamWSettings(), objective, workers);
}
