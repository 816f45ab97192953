using FedLLM.Data.Shards;

namespace FedLLM.Experiments.Clients;

/// <summary>Counts the tokens of some samples, to deal work out by.</summary>
internal static class SampleTokens
{
    /// <summary>Returns their tokens; where the client's data is not in memory, their number at the mean of all the client's samples.</summary>
    public static double Of<TSample>(IShardSource<TSample> shards, int client, IReadOnlyList<int> rows, Func<TSample, int> tokens)
        where TSample : class
    {
        if (shards.Find(client) is { } shard)
        {
            return rows.Sum(row => (double)tokens(shard.Samples[row]));
        }

        (int samples, long all) = shards.Size(client);
        return (double)rows.Count * all / Math.Max(1, samples);
    }
}
