using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Says where a run stands.</summary>
internal static class RunInfos
{
    /// <summary>Joins what is stored with what its coordinator has seen.</summary>
    public static RunInfo Of(string name, Experiment experiment, RunState stored, CoordinatorStatus? status, string silo) => new()
    {
        Name = name,
        Phase = (status?.Phase.ToString() ?? stored.Phase).ToLowerInvariant(),
        Reason = status?.Reason ?? stored.Reason,
        Round = Math.Max(status?.Round ?? 0, Math.Max(stored.Round, 0)),
        Rounds = experiment.Federation.Rounds,
        Cohort = [.. status?.Cohort ?? []],
        Answered = status?.Answered ?? 0,
        Committed = Math.Max(status?.Last?.Round ?? -1, stored.Round),
        TrainLoss = status?.Last?.TrainLoss,
        Evaluation = status?.Last?.Evaluation is { } evaluation ? new(evaluation) : [],
        Adapter = status?.Last?.Adapter ?? stored.Adapter,
        Silo = silo,
    };
}
