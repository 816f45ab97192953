using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Pinning;

/// <summary>Counts, on the silo where they lie, what others may know of an experiment's pinned shards.</summary>
internal static class ShardCount
{
    /// <summary>Reads and counts the shards that lie here.</summary>
    /// <exception cref="InputFileException">More is to be shown of them than their silo allows, or a shard is defective; the message names file and line, and no content.</exception>
    public static IReadOnlyList<PinnedShard> Of(Experiment experiment, ShardFolder folder, TokenizerLoader tokenizers)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(tokenizers);
        IReadOnlyList<string> files = folder.Find(experiment.Data);
        if (files.Count == 0)
        {
            return [];
        }

        folder.RequireConsent(experiment.Data);
        ITokenizer tokenizer = tokenizers(experiment.Model.Path);
        var partition = new FilePartition(files, SampleEncoders.Reader(experiment));
        IShards shards = experiment.Task == TaskKind.Dpo ? Counting(SampleEncoders.Pairs(experiment, tokenizer)) : Counting(SampleEncoders.Sequences(experiment, tokenizer));
        return [.. files.Select((file, i) => new PinnedShard(Path.GetFileName(file), folder.Silo, DataFingerprint.Digest(file), Known(shards.Report(i)).Tally))];

        ShardReport Known(ShardReport report) => experiment.Data.HidesLabels ? report.WithoutLabels() : report;

        TokenizedShards<TSample> Counting<TSample>(ISampleEncoder<TSample> encoder)
            where TSample : class => new(partition, encoder, cacheTokens: 0);
    }
}
