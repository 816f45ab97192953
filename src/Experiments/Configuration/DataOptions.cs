using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;

namespace FedLLM.Experiments.Configuration;

/// <summary>The data and its partition.</summary>
public sealed record DataOptions
{
    /// <summary>Absolute path of a file or a folder, or a glob; null where there are <see cref="Sources"/>.</summary>
    public string? Path { get; init; }

    /// <summary>Whether, on a cluster, each shard lies on one silo only. Default shared.</summary>
    public DataPlacement Placement { get; init; }

    /// <summary>Whether the labels of pinned shards may be counted, stored and shown. Default false.</summary>
    public bool ShowLabels { get; init; }

    /// <summary>Whether answers of models that learned from pinned shards may be shown. Default false.</summary>
    public bool ShowSamples { get; init; }

    /// <summary>Whether this data's labels stay with whoever holds it.</summary>
    public bool HidesLabels => Placement == DataPlacement.Pinned && !ShowLabels;

    /// <summary>In a folder: which files are shards (a file-name glob); null for all.</summary>
    public string? Pattern { get; init; }

    /// <summary>Which fields a record has, and how, or null (<c>auto</c>) to recognize them.</summary>
    public RecordFormat? Format { get; init; }

    /// <summary>Most records, drawn by seed; null for all.</summary>
    public int? Limit { get; init; }

    /// <summary>Several sources in place of <see cref="Path"/>, at least one; or null.</summary>
    public IReadOnlyList<DataSource>? Sources { get; init; }

    /// <summary>The frame around an instruction.</summary>
    public required PromptTemplate Template { get; init; }

    /// <summary>Longest sample in tokens. Default 512.</summary>
    public required int MaxLength { get; init; }

    /// <summary>What happens to a longer one in instruction tuning.</summary>
    public required OverlongPolicy Overlong { get; init; }

    /// <summary>Which tokens the loss counts.</summary>
    public required ScoredTokens Scored { get; init; }

    /// <summary>Which of a dialogue's answers the loss counts.</summary>
    public required TrainedTurns Turns { get; init; }

    /// <summary>Each client's own held-out data, or null for none.</summary>
    public HeldOutData? Evaluation { get; init; }

    /// <summary>How the data is cut into shards.</summary>
    public required PartitionOptions Partition { get; init; }

    /// <summary>Where the data comes from: <see cref="Sources"/>, or the one source that <see cref="Path"/> names.</summary>
    public IReadOnlyList<DataSource> AllSources() => Sources ?? [new DataSource(string.Empty, Path!, Pattern, Format, Limit, null)];

    /// <summary>Compares all values, sources included.</summary>
    public bool Equals(DataOptions? other) => other is not null
        && (Path, Pattern, Format, Limit, Template, MaxLength, Overlong) == (other.Path, other.Pattern, other.Format, other.Limit, other.Template, other.MaxLength, other.Overlong)
        && (Scored, Turns, Evaluation, Partition) == (other.Scored, other.Turns, other.Evaluation, other.Partition)
        && (Placement, ShowLabels, ShowSamples) == (other.Placement, other.ShowLabels, other.ShowSamples)
        && (Sources ?? []).SequenceEqual(other.Sources ?? []);

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Path, Sources?.Count, Template, MaxLength, Partition);
}

/// <summary>One source of a mixed-domain experiment.</summary>
/// <param name="Name">Its name, which comes before its clients' names; unique.</param>
/// <param name="Path">Absolute path of a file or a folder, or a glob.</param>
/// <param name="Pattern">In a folder: which files are meant; null for all.</param>
/// <param name="Format">Its records' format, or null to recognize it.</param>
/// <param name="Limit">Most records, drawn by seed; null for all.</param>
/// <param name="Clients">Number of clients it is cut into where every source is cut by itself, or null.</param>
public sealed record DataSource(string Name, string Path, string? Pattern, RecordFormat? Format, int? Limit, int? Clients);

/// <summary>Each client's own held-out data: either files or a fraction of its shard.</summary>
/// <param name="Glob">Absolute glob of per-client files, or null.</param>
/// <param name="Fraction">Share of the shard, in (0, 1), or null.</param>
public sealed record HeldOutData(string? Glob, double? Fraction);

/// <summary>How the data is cut into shards. What a scheme does not use is null.</summary>
/// <param name="Scheme">The scheme. Default iid.</param>
/// <param name="Clients">Number of clients; null (<c>auto</c>) where they count themselves: as many as there are files or values, or as the sources say. Default 2 elsewhere.</param>
public sealed record PartitionOptions(PartitionScheme Scheme, int? Clients)
{
    /// <summary>The record's field that dirichlet, shards, by-field and a test set go by. Default category.</summary>
    public string? Field { get; init; }

    /// <summary>Concentration of a Dirichlet partition. Default 0.5.</summary>
    public double? Alpha { get; init; }

    /// <summary>Whether, in a Dirichlet partition, a client that holds its equal share gets no more. Default true.</summary>
    public bool? Cap { get; init; }

    /// <summary>Deviation of the logarithm of the sizes of scheme quantity. Default 1.</summary>
    public double? Sigma { get; init; }

    /// <summary>Smallest shard of schemes dirichlet and quantity. Default 1.</summary>
    public int? MinSize { get; init; }

    /// <summary>Runs of sorted records a client gets with scheme shards. Default 2.</summary>
    public int? ShardsPerClient { get; init; }

    /// <summary>Records of each label that are kept out of training as the test set; null for none.</summary>
    public int? TestPerLabel { get; init; }

    /// <summary>Whether every source is cut by itself. Default false.</summary>
    public bool BySource { get; init; }

    /// <summary>Number of clients that the shards are shared out to; null: one client a shard.</summary>
    public int? Registered { get; init; }
}
