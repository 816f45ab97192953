using FedLLM.Data.Sampling;
using FedLLM.Data.Shards;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>What a client's local training gave.</summary>
/// <param name="Delta">Trained minus global parameters.</param>
/// <param name="Metrics">Loss, tokens and time.</param>
public sealed record LocalUpdate(TensorSet Delta, ClientMetrics Metrics);

/// <summary>One client's part of a round: from the global adapter, its own shard and the round's instruction to its update. Pure but for the time it measures.</summary>
public sealed class LocalTraining(TrainingOptions options, ulong seed, TimeProvider clock)
{
    /// <summary>
    /// Trains on <paramref name="trainer"/> for the configured steps with a fresh optimizer. Batches are drawn by (seed, round, client), dropout also by step.
    /// </summary>
    /// <param name="trainer">A trainer of the experiment's adapter; what it held before does not matter.</param>
    /// <param name="global">The global adapter.</param>
    /// <param name="shard">The client's samples.</param>
    /// <param name="round">Round number from 1.</param>
    /// <param name="learningRate">The round's learning rate.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public LocalUpdate Train(
        LoraTrainer trainer, TensorSet global, Shard<TokenSequence> shard, int round, double learningRate, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(global);
        ArgumentNullException.ThrowIfNull(shard);
        long started = clock.GetTimestamp();
        trainer.Start(global);
        int[][][] plan = RoundSampler.Plan(
            seed, round, shard.Client, shard.Samples.Count, options.BatchSize, options.GradientAccumulation, options.MaxSteps);
        double loss = 0;
        long tokens = 0;
        for (int step = 0; step < plan.Length; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TokenSequence[][] batches = [.. plan[step].Select(rows => rows.Select(row => shard.Samples[row]).ToArray())];
            var settings = new StepSettings(learningRate, options.MaxGradNorm ?? 0, seed, round, shard.Client, step);
            StepResult result = trainer.Step(batches, settings);
            loss += result.Loss;
            tokens += result.Tokens;
        }

        var delta = new TensorSet(global.Layout);
        for (int i = 0; i < delta.Values.Length; i++)
        {
            delta.Values[i] = trainer.Parameters.Values[i] - global.Values[i];
        }

        return new LocalUpdate(delta, new ClientMetrics(loss / plan.Length, tokens, clock.GetElapsedTime(started).TotalSeconds));
    }
}
