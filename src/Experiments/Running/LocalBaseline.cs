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

    private int StepsPerRound => prepared.Experiment.Federation.CohortOf(prepared.Shards.Clients)
        * (prepared.Experiment.Training.MaxSteps ?? throw new InvalidOperationException("Clients alone take the federation's steps, which training.epochs does not fix."));

    /// <summary>Trains every client and returns the adapters by client id. Threads and lanes never change a result.</summary>
    /// <param name="finished">Hears of each client as it finishes, on any thread; or null.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public async Task<IReadOnlyList<TensorSet>> TrainAllAsync(Action<int>? finished, CancellationToken cancellationToken)
    {
        Experiment experiment = prepared.Experiment;
        ILearningRateSchedule schedule = CohortTrainers.LearningRate(experiment);
        using ICohortTrainer trainer = CohortTrainers.For(prepared, experiment.Training with { MaxSteps = StepsPerRound }, clock);
        int[] clients = [.. Enumerable.Range(0, prepared.Shards.Clients)];
        TensorSet initial = prepared.InitialAdapter();
        TensorSet[] adapters = [.. clients.Select(_ => initial.Clone())];
        for (int round = 1; round <= experiment.Federation.Rounds; round++)
        {
            await trainer.TrainAsync(
                clients,
                client => new ClientStart(adapters[client]),
                new RoundTerms(round, schedule.At(round)),
                update =>
                {
                    float[] values = adapters[update.Client].Values;
                    for (int i = 0; i < values.Length; i++)
                    {
                        values[i] += update.Delta.Values[i];
                    }

                    if (round == experiment.Federation.Rounds)
                    {
                        finished?.Invoke(update.Client);
                    }
                },
                cancellationToken).ConfigureAwait(false);
        }

        return adapters;
    }
}
