using FedLLM.Engine.Learners;

namespace FedLLM.Engine.Training;

/// <summary>How the micro-batches of one optimizer step combine.</summary>
public enum GradientAccumulation
{
    /// <summary>The step's loss is the mean of the micro-batches' means, whatever their sizes (Hugging Face's Trainer up to 4.45, so OpenFedLLM's).</summary>
    MicroBatchMean,

    /// <summary>The step's loss is the mean over all scored tokens (or pairs) of the step: that of one large batch.</summary>
    TokenMean,
}

/// <summary>How one optimizer step is done.</summary>
/// <param name="LearningRate">Step size, not negative.</param>
/// <param name="MaxGradNorm">Largest global gradient norm; 0 or less clips nothing.</param>
/// <param name="Seed">Seed of the dropout masks.</param>
/// <param name="Round">Round, for the dropout masks.</param>
/// <param name="Client">Client, for the dropout masks.</param>
/// <param name="Step">Step within the round, from 0, for the dropout masks.</param>
/// <param name="Accumulation">How micro-batches combine.</param>
public readonly record struct StepSettings(
    double LearningRate, double MaxGradNorm = 0, ulong Seed = 0, int Round = 0, int Client = 0, int Step = 0,
    GradientAccumulation Accumulation = GradientAccumulation.MicroBatchMean);

/// <summary>What a lane does in one optimizer step.</summary>
/// <param name="Lane">The lane.</param>
/// <param name="MicroBatches">Its micro-batches, at least one.</param>
/// <param name="Settings">How the step is done.</param>
public readonly record struct LaneStep<TSample>(ITrainingLane Lane, IReadOnlyList<TSample[]> MicroBatches, StepSettings Settings);

/// <summary>What one optimizer step of one lane measured, before the step.</summary>
/// <param name="Loss">The step's loss, as its micro-batches combine, with what the lane's terms add.</param>
/// <param name="GradientNorm">Global gradient norm before clipping.</param>
/// <param name="Tokens">Tokens of its samples; those shared by the answers of a pair count for each.</param>
/// <param name="ScoredTokens">Tokens scored.</param>
/// <param name="Preference">Rewards of its pairs; null in supervised training.</param>
public readonly record struct StepResult(double Loss, double GradientNorm, int Tokens, int ScoredTokens, PreferenceMetrics? Preference = null);

/// <summary>Implicit rewards of a number of pairs, β·(log π - log π_ref), as means (Rafailov et al., 2023).</summary>
/// <param name="ChosenReward">Mean reward of the chosen answers.</param>
/// <param name="RejectedReward">Mean reward of the rejected answers.</param>
/// <param name="Accuracy">Share of pairs whose chosen answer has the larger reward; a tie counts a half, so that an untrained policy has 0.5 (TRL counts it 0).</param>
public readonly record struct PreferenceMetrics(double ChosenReward, double RejectedReward, double Accuracy)
{
    /// <summary>Mean of chosen minus rejected reward.</summary>
    public double Margin => ChosenReward - RejectedReward;
}
