using FedLLM.Data.Sampling;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>What a client's local training gave.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Delta">Trained parameters minus those it began with.</param>
/// <param name="Rates">Sum of the learning rates of its optimizer steps.</param>
/// <param name="Metrics">Loss, tokens, time and rewards.</param>
public sealed record LocalUpdate(int Client, TensorSet Delta, double Rates, ClientMetrics Metrics);

/// <summary>
/// A client's part of a round: from the global adapter, its own shard and the round's instruction to its update. Pure but for the time it measures; several clients
/// may train side by side, and each one's update is that of training alone.
/// </summary>
/// <param name="samples">The clients' samples.</param>
/// <param name="options">How long and how they train.</param>
/// <param name="lora">The shape of a client's adapter.</param>
/// <param name="seed">The run's seed.</param>
/// <param name="clock">Measures time.</param>
public sealed class LocalTraining<TSample>(
    IClientSamples<TSample> samples, TrainingOptions options, Func<int, LoraConfig> lora, ulong seed, TimeProvider clock)
{
    /// <summary>Returns a client's aggregation weight: its number of usable samples.</summary>
    public int Weight(int client) => samples.Count(client);

    /// <summary>Returns about how many tokens a client trains on in a round; see <see cref="IClientSamples{TSample}.Tokens"/>.</summary>
    public double Work(int client, int round) => samples.Tokens(client, [.. Plan(client, round).SelectMany(step => step.SelectMany(batch => batch))]);

    /// <summary>
    /// Trains some clients for the configured steps, each with a fresh optimizer. Batches are drawn by (seed, round, client), dropout also by step.
    /// </summary>
    /// <param name="group">The lanes to train in.</param>
    /// <param name="clients">The clients, one to a lane.</param>
    /// <param name="start">What they begin with, one each.</param>
    /// <param name="terms">What they have in common.</param>
    /// <param name="finished">Takes each client's update as soon as its steps are done, while others go on.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public void Train(
        LaneGroup<TSample> group, IReadOnlyList<int> clients, IReadOnlyList<ClientStart> start, RoundTerms terms, Action<LocalUpdate> finished,
        CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentNullException.ThrowIfNull(clients);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentNullException.ThrowIfNull(terms);
        ArgumentNullException.ThrowIfNull(finished);
        long mark = clock.GetTimestamp();
        ClientRun[] runs = [.. clients.Select((client, i) => Prepare(group, client, i, start[i], terms, cancellationToken))];
        StepRates[] rates = [.. runs.Select(r => new StepRates(options, terms.LearningRate, r.Steps))];
        var steps = new LaneStep<TSample>[runs.Length];
        var results = new StepResult[runs.Length];
        for (int step = 0; step < runs.Max(r => r.Steps); step++)
        {
            // Clients whose steps are done leave their lanes; the others' bits do not depend on it.
            cancellationToken.ThrowIfCancellationRequested();
            int[] training = [.. Enumerable.Range(0, runs.Length).Where(i => step < runs[i].Steps)];
            for (int k = 0; k < training.Length; k++)
            {
                int i = training[k];
                var settings = new StepSettings(rates[i].At(step), options.MaxGradNorm ?? 0, seed, terms.Round, clients[i], step, Accumulation());
                steps[k] = new LaneStep<TSample>(runs[i].Lane, runs[i].Batches(step), settings);
            }

            group.Trainer.Step(steps.AsSpan(0, training.Length), results.AsSpan(0, training.Length));

            // Clients that train side by side share the time by what each one processed.
            long now = clock.GetTimestamp();
            double seconds = clock.GetElapsedTime(mark, now).TotalSeconds / Math.Max(1, results.Take(training.Length).Sum(r => (long)r.Tokens));
            mark = now;
            for (int k = 0; k < training.Length; k++)
            {
                runs[training[k]].Add(results[k], seconds);
                if (start[training[k]].ControlCorrection is { } correction)
                {
                    double rate = rates[training[k]].At(step);
                    runs[training[k]].Lane.Edit(parameters => ControlVariates.Apply(parameters, correction, rate));
                }
            }

            foreach (int i in training.Where(i => step + 1 == runs[i].Steps))
            {
                finished(new LocalUpdate(clients[i], runs[i].Delta(), rates[i].Sum, runs[i].Metrics()));
            }
        }
    }

    private ClientRun Prepare(LaneGroup<TSample> group, int client, int index, ClientStart start, RoundTerms terms, CancellationToken cancellationToken)
    {
        int[][][] plan = Plan(client, terms.Round);
        int[] rows = [.. plan.SelectMany(step => step.SelectMany(batch => batch)).Distinct().Order()];
        ITrainingLane lane = group.Lane(index, lora(client));
        lane.Start(start.Adapter, new LaneTerms { ProximalMu = terms.ProximalMu, Trained = terms.Trained });
        return new ClientRun(lane, start.Adapter, plan, samples.Load(client, rows, start.Adapter, group.Model, cancellationToken));
    }

    // The rows of every step's batches.
    private int[][][] Plan(int client, int round)
    {
        int count = samples.Count(client);
        return RoundSampler.Plan(seed, round, client, count, options.BatchSize, options.GradientAccumulation, options.Steps(count));
    }

    private GradientAccumulation Accumulation()
        => options.Accumulation == Configuration.Accumulation.TokenMean ? GradientAccumulation.TokenMean : GradientAccumulation.MicroBatchMean;

    // One client's round as it goes on.
    private sealed class ClientRun(ITrainingLane lane, TensorSet start, int[][][] plan, IReadOnlyDictionary<int, TSample> rows)
    {
        private double _loss;
        private double _seconds;
        private ClientRewards? _rewards;

        public ITrainingLane Lane => lane;

        public int Steps => plan.Length;

        public long Tokens { get; private set; }

        public TSample[][] Batches(int step) => [.. plan[step].Select(batch => batch.Select(row => rows[row]).ToArray())];

        public void Add(in StepResult result, double secondsPerToken)
        {
            _seconds += secondsPerToken * result.Tokens;
            _loss += result.Loss;
            Tokens += result.Tokens;
            if (result.Preference is { } step)
            {
                ClientRewards before = _rewards ?? new ClientRewards(0, 0, 0);
                _rewards = new ClientRewards(before.Chosen + step.ChosenReward, before.Rejected + step.RejectedReward, before.Accuracy + step.Accuracy);
            }
        }

        public TensorSet Delta()
        {
            var delta = new TensorSet(start.Layout);
            float[] trained = lane.Parameters.Values;
            for (int i = 0; i < delta.Values.Length; i++)
            {
                delta.Values[i] = trained[i] - start.Values[i];
            }

            return delta;
        }

        public ClientMetrics Metrics() => new(_loss / Steps, Tokens, _seconds)
        {
            Rewards = _rewards is { } sum ? new ClientRewards(sum.Chosen / Steps, sum.Rejected / Steps, sum.Accuracy / Steps) : null,
        };
    }
}
