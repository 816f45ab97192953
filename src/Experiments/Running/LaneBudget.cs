using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Running;

/// <summary>How many lanes train at a time where the experiment leaves it open.</summary>
internal static class LaneBudget
{
    // Rows of a pass beyond which more lanes make no product faster, and only leave the caches.
    private const long UsefulRows = 2048;

    // Share of the machine's memory that lanes may fill where the experiment names no bound.
    private const double MemoryShare = 0.25;

    /// <summary>Returns the number of lanes over all threads: as many as keep a thread's products large, within the memory budget; at least one.</summary>
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
        long perLane = TrainingMemory.BytesPerLane(prepared.Weights.Config, prepared.Experiment.Lora.ToConfig(), (long)rows, options.GradientCheckpointing);
        double budget = options.LaneMemory is { } mebibytes
            ? mebibytes * 1024.0 * 1024.0
            : MemoryShare * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        double useful = Math.Max(1, Math.Ceiling(UsefulRows / rows));
        return (int)Math.Clamp(Math.Min(useful * threads, budget / perLane), 1, int.MaxValue);
    }
}
