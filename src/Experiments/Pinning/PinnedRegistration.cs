using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Experiments.Pinning;

/// <summary>Finds the clients of a run whose shards are pinned: those that it registered when it began, or, at its beginning, those of the silos that are there.</summary>
internal static class PinnedRegistration
{
    /// <summary>Returns them; at the run's beginning they are kept in its directory first.</summary>
    /// <exception cref="InputFileException">Fewer are there than <c>data.partition.clients</c> says, which may pass; or more.</exception>
    /// <exception cref="ShardsUnusableException">A silo cannot count its shards.</exception>
    public static async Task<PinnedClients> FindAsync(Experiment experiment, string directory, IRunFiles files, IShardSilos silos, CancellationToken cancellationToken)
    {
        if (PinnedClients.Read(directory, files) is { } registered)
        {
            return registered;
        }

        IReadOnlyList<PinnedShard> shards = await silos.ListAsync(cancellationToken).ConfigureAwait(false);
        int? expected = experiment.Data.Partition.Clients;
        if (shards.Count == 0 || shards.Count != (expected ?? shards.Count))
        {
            string found = string.Join(", ", shards.GroupBy(s => s.Silo, StringComparer.Ordinal).OrderBy(g => g.Key, StringComparer.Ordinal).Select(g => $"{g.Count()} on {g.Key}"));
            throw new InputFileException(
                experiment.Data.Path!, null,
                $"the silos that are there register {shards.Count}{(expected is null ? "" : $" of {expected}")} clients{(found.Length > 0 ? $" ({found})" : "")}",
                "Start the silos that hold the others, or correct data.partition.clients")
            {
                MayPass = shards.Count <= (expected ?? 0),
            };
        }

        PinnedClients clients = PinnedClients.Of(shards);
        clients.Write(directory, files);
        return clients;
    }
}
