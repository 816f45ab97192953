using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Schedules;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>
/// What clients reach alone: each trains by itself, on its own shard, from the same initial adapter and with the same schedule,
/// for as many optimizer steps as the whole federation together takes: rounds × clients per round × steps.
/// </summary>
public sealed class LocalBaseline(PreparedExperiment prepared, TimeProvider clock)
{
    /// <summary>Optimizer steps of each client: those of the whole federated run.</summary>
    public int Steps => prepared.Experiment.Federation.Rounds * StepsPerRound;

    private int StepsPerRound => prepared.Experiment.Federation.ClientsPerRound * prepared.Experiment.Training.MaxSteps;

    /// <summary>Trains every client and returns the adapters by client id. Threads never change a result.</summary>
    /// <param name="finished">Hears of each client as it finishes, on any thread; or null.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public async Task<IReadOnlyList<TensorSet>> TrainAllAsync(Action<int>? finished, CancellationToken cancellationToken)
    {
        Experiment experiment = prepared.Experiment;
        int threads = experiment.Training.Threads ?? Environment.ProcessorCount;
        LoraConfig lora = experiment.Lora.ToConfig();
        SequenceData data = prepared.Data as SequenceData ?? throw new NotSupportedException("Preference learning (task dpo) cannot be trained yet.");
        TensorSet initial = LoraAdapter.Initialize(prepared.Weights.Config, lora, (ulong)experiment.Seed).Parameters;
        ILearningRateSchedule schedule = ExperimentRunner.LearningRate(experiment);
        var training = new LocalTraining(experiment.Training with { MaxSteps = StepsPerRound }, (ulong)experiment.Seed, clock);
        var adapters = new TensorSet[prepared.Shards.Clients];
        int next = -1;
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () =>
            {
                using var workers = new Workers(1);
                var trainer = new LoraTrainer(prepared.Weights, lora, new AdamWSettings(WeightDecay: experiment.Training.WeightDecay), workers);
                for (int client = Interlocked.Increment(ref next); client < adapters.Length; client = Interlocked.Increment(ref next))
                {
                    TensorSet adapter = initial.Clone();
                    for (int round = 1; round <= experiment.Federation.Rounds; round++)
                    {
                        TensorSet delta = training.Train(
                            trainer, adapter, data.Source.Load(client), round, schedule.At(round), cancellationToken).Delta;
                        for (int i = 0; i < delta.Values.Length; i++)
                        {
                            adapter.Values[i] += delta.Values[i];
                        }
                    }

                    adapters[client] = adapter;
                    finished?.Invoke(client);
                }
            },
            cancellationToken,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))).ConfigureAwait(false);
        return adapters;
    }
}
