using FedLLM.Engine.Files;

namespace FedLLM.Data.Shards;

/// <summary>The clients of a cluster whose shards are pinned to silos: counts are those that the silos registered, samples are there where the shard lies.</summary>
/// <typeparam name="TSample">What a client trains on.</typeparam>
/// <param name="here">Tokenizes the shards that lie here; reading another one is its error.</param>
/// <param name="registered">Every client's shard, in the order of their ids.</param>
public sealed class PinnedShards<TSample>(TokenizedShards<TSample> here, IReadOnlyList<PinnedShard> registered) : IShardSource<TSample>
    where TSample : class
{
    /// <inheritdoc/>
    public int Clients => registered.Count;

    /// <inheritdoc/>
    public string Name(int client) => registered[client].Name;

    /// <inheritdoc/>
    public ShardReport Report(int client) => new(client, registered[client].Name, registered[client].Tally);

    /// <inheritdoc/>
    public (int Samples, long Tokens) Size(int client) => (registered[client].Tally.Usable, registered[client].Tally.Tokens);

    /// <inheritdoc/>
    public Shard<TSample> Load(int client)
    {
        Shard<TSample> shard = here.Load(client);
        return here.Size(client) == Size(client)
            ? shard
            : throw new InputFileException(
                registered[client].File, null, $"other samples are counted in it than its silo {registered[client].Silo} registered",
                "Let every silo use the same program, model and experiment, and start the run under a name of its own");
    }

    /// <inheritdoc/>
    public Shard<TSample>? Find(int client) => here.Find(client);
}
