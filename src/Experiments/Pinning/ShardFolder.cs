using FedLLM.Data.Files;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Pinning;

/// <summary>A silo's own folder of pinned shards. Of an experiment's <c>data.path</c> the last part counts: a file, a folder or a glob in it.</summary>
/// <param name="Silo">The silo's name.</param>
/// <param name="Root">The folder's absolute path, or null where the silo has no pinned shards.</param>
public sealed record ShardFolder(string Silo, string? Root)
{
    /// <summary>No silo's: no shard lies there.</summary>
    public static ShardFolder None { get; } = new("", null);

    /// <summary>Whether the owner of the shards lets their labels be shown. Default false.</summary>
    public bool ShowsLabels { get; init; }

    /// <summary>Whether the owner of the shards lets answers of models that learned from them be shown. Default false.</summary>
    public bool ShowsSamples { get; init; }

    /// <summary>Checks that an experiment shows no more of the shards than their owner allows.</summary>
    /// <exception cref="InputFileException">It does.</exception>
    public void RequireConsent(DataOptions data)
    {
        ArgumentNullException.ThrowIfNull(data);
        Require(ShowsLabels || !data.ShowLabels, "data.show_labels", "labels");
        Require(ShowsSamples || !data.ShowSamples, "data.show_samples", "samples");

        void Require(bool allowed, string key, string what)
        {
            if (!allowed)
            {
                throw new InputFileException(
                    Root ?? ".", null, $"the experiment sets {key}, and silo {Silo} does not allow it", $"Remove the key, or let the data's owner start the silo with --show {what}");
            }
        }
    }

    /// <summary>Finds the shards of an experiment that lie here, in natural order of their names; none where there is nothing of that name.</summary>
    /// <exception cref="InputFileException">The folder holds something else besides shards, or held-out data.</exception>
    public IReadOnlyList<string> Find(DataOptions data)
    {
        ArgumentNullException.ThrowIfNull(data);
        string name = Path.GetFileName(Path.TrimEndingDirectorySeparator(data.Path!));
        if (Root is null || name.Length == 0 || !Directory.Exists(Root) || !Directory.EnumerateFileSystemEntries(Root, name).Any())
        {
            return [];
        }

        return DataFiles.FindShards(Path.Combine(Root, name), data.Pattern);
    }

    /// <summary>Returns what finds a registered shard's file here, or nothing where it is another silo's.</summary>
    /// <exception cref="InputFileException">As <see cref="Find"/>.</exception>
    public Func<PinnedShard, string?> Finder(DataOptions data)
    {
        Dictionary<string, string> own = Find(data).ToDictionary(path => Path.GetFileName(path), StringComparer.Ordinal);
        return shard => shard.Silo == Silo ? own.GetValueOrDefault(shard.File) : null;
    }

    /// <summary>Checks that every shard registered as lying here does, and is what it was.</summary>
    /// <exception cref="InputFileException">One is gone or has changed.</exception>
    public void RequireUnchanged(DataOptions data, PinnedClients clients)
    {
        ArgumentNullException.ThrowIfNull(clients);
        Func<PinnedShard, string?> find = Finder(data);
        foreach (PinnedShard shard in clients.Shards.Where(s => s.Silo == Silo))
        {
            string path = find(shard) ?? throw new InputFileException(
                Path.Combine(Root ?? ".", shard.File), null, "the shard is gone since the run registered it", "Put it back, or start a run without it under a name of its own");
            if (DataFingerprint.Digest(path) != shard.Digest)
            {
                throw new InputFileException(
                    path, null, "the shard has changed since the run registered it", "Restore it, or start a run with what it holds under a name of its own");
            }
        }
    }
}
