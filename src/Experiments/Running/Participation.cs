using FedLLM.Experiments.Configuration;
using FedLLM.Federation;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Simulation;

namespace FedLLM.Experiments.Running;

/// <summary>Makes of an experiment's options who takes part in a round and for how long a client trains.</summary>
internal static class Participation
{
    private const double Mebibyte = 1024 * 1024;

    /// <summary>Returns the run loop's values.</summary>
    public static RunSettings Settings(PreparedExperiment prepared, string runId)
    {
        Experiment experiment = prepared.Experiment;
        FederationOptions federation = experiment.Federation;
        return new RunSettings
        {
            RunId = runId,
            Rounds = federation.Rounds,
            Clients = prepared.Shards.Clients,
            ClientsPerRound = IsBaseline(federation) ? 1 : federation.CohortOf(prepared.Shards.Clients),
            Seed = (ulong)experiment.Seed,
            LearningRate = CohortTrainers.LearningRate(experiment),
            OverSelection = federation.OverSelection,
            Quorum = federation.Quorum,
            MaxAbandoned = federation.MaxAbandoned,
            EvaluateEvery = experiment.Evaluation.Every,
            Simulation = experiment.Simulation is { } behaviour
                ? new SimulationSettings
                {
                    Availability = behaviour.Availability,
                    DropOut = behaviour.DropOut,
                    MedianSeconds = behaviour.MedianSeconds,
                    ClientSpread = behaviour.ClientSpread,
                    RoundSpread = behaviour.RoundSpread,
                    Deadline = federation.Deadline,
                }
                : null,
            CommunicationBudget = federation.BudgetMebibytes is { } budget ? Math.Max(1, (long)(budget * Mebibyte)) : null,
        };
    }

    /// <summary>Returns what chooses the cohorts.</summary>
    /// <exception cref="InvalidOperationException">Every client is to train by itself, which is a run for each.</exception>
    public static ICohortSampler Sampler(PreparedExperiment prepared)
    {
        FederationOptions federation = prepared.Experiment.Federation;
        return federation.Algorithm switch
        {
            Algorithm.Local => new SingleClientCohort(
                federation.Client ?? throw new InvalidOperationException("Every client by itself is a run for each: see LocalRuns.")),
            Algorithm.Centralized => new SingleClientCohort(0),
            _ => federation.Sampling switch
            {
                CohortSampling.Uniform or CohortSampling.FixedFraction => new UniformCohort(),
                CohortSampling.OpenFedLlm => new OpenFedLlmCohort(),
                CohortSampling.FedIt => new FedItCohort(),
                CohortSampling.RoundRobin => new RoundRobinCohort(),
                CohortSampling.Weighted => new WeightedCohort([.. prepared.Reports.Select(r => (double)r.Tally.Usable)]),
                _ => throw new InvalidOperationException($"The sampling {federation.Sampling} is not handled."),
            },
        };
    }

    /// <summary>Returns a client's training: where all shards are pooled for equal samples, with the steps of a whole cohort.</summary>
    public static TrainingOptions Training(PreparedExperiment prepared)
    {
        Experiment experiment = prepared.Experiment;
        return experiment.Federation.Pooling == Pooling.EqualSamples
            ? experiment.Training with { MaxSteps = experiment.Training.MaxSteps * experiment.Federation.CohortOf(prepared.PartitionClients) }
            : experiment.Training;
    }

    private static bool IsBaseline(FederationOptions federation) => federation.Algorithm is Algorithm.Local or Algorithm.Centralized;
}
