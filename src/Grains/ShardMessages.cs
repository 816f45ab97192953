using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Turns pinned shards into messages and back.</summary>
internal static class ShardMessages
{
    /// <summary>Returns a shard as a message; there is no place in it for a label.</summary>
    public static RegisteredShard ToMessage(PinnedShard shard) => new()
    {
        File = shard.File,
        Digest = shard.Digest,
        Counts = [shard.Tally.Records, shard.Tally.Usable, shard.Tally.Tokens, shard.Tally.ScoredTokens, shard.Tally.Longest, shard.Tally.Cut.Prompt, shard.Tally.Cut.Answer],
        Excluded = shard.Tally.Excluded.ToDictionary(e => (int)e.Key, e => e.Value),
        Truncated = shard.Tally.Truncated.ToDictionary(t => (int)t.Key, t => t.Value),
    };

    /// <summary>Returns the shard of a silo's message.</summary>
    public static PinnedShard ToShard(RegisteredShard message, string silo)
    {
        long[] counts = message.Counts;
        var tally = new SampleTally(
            (int)counts[0], (int)counts[1], message.Excluded.ToDictionary(e => (ExclusionReason)e.Key, e => e.Value), counts[2], counts[3], (int)counts[4],
            new Dictionary<string, int>())
        {
            Truncated = message.Truncated.ToDictionary(t => (Truncation)t.Key, t => t.Value),
            Cut = new CutTokens(counts[5], counts[6]),
        };
        return new PinnedShard(message.File, silo, message.Digest, tally);
    }
}
