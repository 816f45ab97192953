using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Running;

/// <summary>How many lanes train at a time where the experiment leaves it open.</summary>
internal static class LaneBudget
{
    /// <summary>Returns the number of lanes over all sessions: as many as keep a session's products large, within the memory budget; at least one.</summary>
    public static int Lanes(PreparedExperiment prepared, TrainingOptions options, int threads)
    {
        // A step's rows: its samples at their mean length, of a pair both answers.
        (double samples, double tokens) = (0, 0);
        for (int client = 0; client < prepared.Shards.Clients; client++)
        {
            (int usable, long all) = prepared.Shards.Size(client);
            (samples, tokens) = (samples + usable, tokens + all);
        }

        double rows = Math.Max(1, options.BatchSize * tokens / Math.Max(1, samples));
        ILearner learner = prepared.Learner;
        LoraConfig[] shapes = LoraAggregations.Configs(prepared.Experiment.Lora, prepared.Experiment.Lora.ToConfig());
        long perLane = learner.BytesPerLane(shapes[0], (long)rows, options.GradientCheckpointing);

        // A lane that has trained clients of several ranks keeps an adapter of each.
        perLane += shapes.Skip(1).Sum(shape => learner.BytesPerLane(shape, rows: 0, options.GradientCheckpointing));
        double budget = options.LaneMemory is { } mebibytes
            ? mebibytes * 1024.0 * 1024.0
            : learner.LaneMemory;
        double useful = Math.Max(1, Math.Ceiling(learner.UsefulRows / rows));
        return (int)Math.Clamp(Math.Min(useful * learner.Sessions(threads), budget / perLane), 1, int.MaxValue);
    }
}
