using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;

namespace FedLLM.Experiments.Configuration;

/// <summary>The data and its partition.</summary>
public sealed record DataOptions
{
    /// <summary>Absolute path of a file or a folder, or a glob.</summary>
    public required string Path { get; init; }

    /// <summary>In a folder: which files are shards (a file-name glob); null for all.</summary>
    public string? Pattern { get; init; }

    /// <summary>Which fields a record has, and how, or null (<c>auto</c>) to recognize them.</summary>
    public RecordFormat? Format { get; init; }

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
}

/// <summary>Each client's own held-out data: either files or a fraction of its shard.</summary>
/// <param name="Glob">Absolute glob of per-client files, or null.</param>
/// <param name="Fraction">Share of the shard, in (0, 1), or null.</param>
public sealed record HeldOutData(string? Glob, double? Fraction);

/// <summary>How the data is cut into shards. What a scheme does not use is null.</summary>
/// <param name="Scheme">The scheme. Default iid.</param>
/// <param name="Clients">Number of clients; null (<c>auto</c>) with schemes files and by-field: as many as there are files or values. Default 2 with the others.</param>
/// <param name="Field">The record's field that dirichlet, shards and by-field go by. Default category.</param>
/// <param name="Alpha">Concentration of a Dirichlet partition, above 0. Default 0.5.</param>
/// <param name="MinSize">Smallest shard a Dirichlet partition may have. Default 1.</param>
/// <param name="ShardsPerClient">Runs of sorted records a client gets with scheme shards. Default 2.</param>
public sealed record PartitionOptions(PartitionScheme Scheme, int? Clients, string? Field, double? Alpha, int? MinSize, int? ShardsPerClient);
