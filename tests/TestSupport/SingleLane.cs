using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.TestSupport;

/// <summary>A trainer with one lane.</summary>
public sealed class SingleLane<TSample>(ILoraTrainer<TSample> trainer, ITrainingLane lane)
{

    public SingleLane(
        DecoderWeights weights, LoraConfig lora, OptimizerSettings optimizer, IObjective<TSample> objective, Workers workers, bool checkpointing = false)
        : this(new LoraTrainer<TSample>(weights, objective, workers, checkpointing), new TrainingLane(weights.Config, lora, optimizer))
    {
    }

    public SingleLane(ILearnerSession session, LoraConfig lora, OptimizerSettings optimizer, IObjective<TSample> objective, bool checkpointing = false)
        : this(session.Trainer(objective, checkpointing), session.Lane(lora, optimizer))
    {
    }

    public TensorSet Parameters => lane.Parameters;

    public TensorSet Gradient => lane.Gradient;

    public void Start(TensorSet adapter, LaneTerms? terms = null) => lane.Start(adapter, terms);

    public StepResult Step(IReadOnlyList<TSample[]> microBatches, StepSettings settings)
    {
        var results = new StepResult[1];
        trainer.Step([new LaneStep<TSample>(lane, microBatches, settings)], results);
        return results[0];
    }

    public StepResult ComputeGradient(IReadOnlyList<TSample[]> microBatches, StepSettings settings)
    {
        var results = new StepResult[1];
        trainer.ComputeGradient([new LaneStep<TSample>(lane, microBatches, settings)], results);
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

    /// <summary>For supervised fine-tuning with any learner.</summary>
    public static SingleLane<TokenSequence> Supervised(ILearnerSession session, LoraConfig lora, OptimizerSettings optimizer, bool checkpointing = false)
        => new(session, lora, optimizer, new NextTokenObjective(), checkpointing);

    /// <summary>For preferences with any learner.</summary>
    public static SingleLane<ReferencedPair> Preferences(ILearnerSession session, LoraConfig lora, PreferenceObjective objective)
        => new(session, lora, new AdamWSettings(), objective);

    /// <summary>For preferences.</summary>
    public static SingleLane<ReferencedPair> Preferences(DecoderWeights weights, LoraConfig lora, PreferenceObjective objective, Workers workers)
        => new(weights, lora, new AdamWSettings(), objective, workers);
}
