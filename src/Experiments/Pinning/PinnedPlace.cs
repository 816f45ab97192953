using FedLLM.Data.Partitioning;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Pinning;

/// <summary>An experiment's pinned clients, seen from one silo.</summary>
/// <param name="Clients">All of them.</param>
/// <param name="Own">The shards that lie here.</param>
public sealed record PinnedPlace(PinnedClients Clients, ShardFolder Own)
{
    /// <summary>Describes the clients; no shard is read.</summary>
    internal CutData Cut(Experiment experiment) => CutData.Pinned(
        experiment, new PinnedPartition(Clients.Shards, Own.Finder(experiment.Data), SampleEncoders.Reader(experiment)), Clients.Fingerprint);
}
