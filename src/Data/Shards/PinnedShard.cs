using FedLLM.Data.Files;
using FedLLM.Data.Samples;

namespace FedLLM.Data.Shards;

/// <summary>A shard that lies on one silo of a cluster, as the silo registers it: what others may know of it.</summary>
/// <param name="File">The file's name, without its folder.</param>
/// <param name="Silo">The silo's name.</param>
/// <param name="Digest">SHA-256, lower-case hex, of its bytes.</param>
/// <param name="Tally">What the silo counted in it; without labels, whose names are content of the data, unless their owner lets them be shown.</param>
public sealed record PinnedShard(string File, string Silo, string Digest, SampleTally Tally)
{
    /// <summary>The client's name.</summary>
    public string Name { get; } = DataFiles.Stem(File);
}
