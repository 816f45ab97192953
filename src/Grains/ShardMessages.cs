using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Turns pinned shards into messages and back.</summary>
internal static class ShardMessages
{
    // About a megabyte of each.
    private const int ShardsInAReply = 2000;
    private const int LabelsInAReply = 1 << 18; // characters

    /// <summary>Returns so many shards as fit into a message, at least one.</summary>
    public static RegisteredShard[] Some(IEnumerable<PinnedShard> shards)
    {
        long labels = 0;
        return [.. shards.Take(ShardsInAReply).TakeWhile((shard, i) =>
        {
            labels += shard.Tally.Labels.Keys.Sum(label => (long)label.Length);
            return i == 0 || labels <= LabelsInAReply;
        }).Select(ToMessage)];
    }

    /// <summary>Returns a shard as a message.</summary>
    public static RegisteredShard ToMessage(PinnedShard shard) => new()
    {
        File = shard.File,
        Digest = shard.Digest,
        Counts = [shard.Tally.Records, shard.Tally.Usable, shard.Tally.Tokens, shard.Tally.ScoredTokens, shard.Tally.Longest, shard.Tally.Cut.Prompt, shard.Tally.Cut.Answer],
        Excluded = shard.Tally.Excluded.ToDictionary(e => (int)e.Key, e => e.Value),
        Truncated = shard.Tally.Truncated.ToDictionary(t => (int)t.Key, t => t.Value),
        Labels = shard.Tally.Labels.ToDictionary(),
    };

    /// <summary>Returns the shard of a silo's message.</summary>
    public static PinnedShard ToShard(RegisteredShard message, string silo)
    {
        long[] counts = message.Counts;
        var tally = new SampleTally(
            (int)counts[0], (int)counts[1], message.Excluded.ToDictionary(e => (ExclusionReason)e.Key, e => e.Value), counts[2], counts[3], (int)counts[4],
            new SortedDictionary<string, int>(message.Labels, StringComparer.Ordinal))
        {
            Truncated = message.Truncated.ToDictionary(t => (Truncation)t.Key, t => t.Value),
            Cut = new CutTokens(counts[5], counts[6]),
        };
        return new PinnedShard(message.File, silo, message.Digest, tally);
    }
}
