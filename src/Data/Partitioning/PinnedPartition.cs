using FedLLM.Data.Examples;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Partitioning;

/// <summary>One client for each shard that is pinned to a silo of a cluster. Only the shards that lie here can be read.</summary>
/// <param name="shards">Every client's shard, in the order of their ids.</param>
/// <param name="here">The path of a shard that lies here; null of any other.</param>
/// <param name="reader">Reads shards.</param>
public sealed class PinnedPartition(IReadOnlyList<PinnedShard> shards, Func<PinnedShard, string?> here, ExampleReader reader) : IPartition
{
    /// <inheritdoc/>
    public int Clients => shards.Count;

    /// <inheritdoc/>
    public string Name(int client) => shards[client].Name;

    /// <inheritdoc/>
    public string Origin(int client) => here(shards[client]) ?? shards[client].File;

    /// <inheritdoc/>
    public IEnumerable<Example> Read(int client) => here(shards[client]) is { } path
        ? reader.Read(path)
        : throw new InputFileException(shards[client].File, null, $"it is pinned to silo {shards[client].Silo} and cannot be read elsewhere", "Let its client train on that silo");
}
