namespace FedLLM.Experiments.Partitions;

/// <summary>One file of a written partition.</summary>
/// <param name="Name">The client's name in the experiment; <c>test</c> for the test set.</param>
/// <param name="File">Path within the partition's folder, with <c>/</c>.</param>
/// <param name="Records">Number of records.</param>
/// <param name="Labels">Records by label, in ordinal order; records without one are left out.</param>
/// <param name="Bytes">Size of the file.</param>
/// <param name="Sha256">SHA-256 of the file, lower-case hex.</param>
public sealed record WrittenShard(string Name, string File, int Records, IReadOnlyDictionary<string, int> Labels, long Bytes, string Sha256);

/// <summary>A partition as files.</summary>
/// <param name="Shards">The shards by client id.</param>
/// <param name="Test">The test set that the cut kept out of training, or null.</param>
/// <param name="Format">What <c>data.format</c> must be to read them.</param>
public sealed record WrittenPartition(IReadOnlyList<WrittenShard> Shards, WrittenShard? Test, string Format)
{
    /// <summary>Records of all shards.</summary>
    public long Records => Shards.Sum(s => (long)s.Records);

    /// <summary>All labels of the shards with their records and the number of shards that have some, the most frequent first.</summary>
    public IReadOnlyList<(string Label, long Records, int Shards)> Labels() =>
    [
        .. Shards.SelectMany(s => s.Labels).GroupBy(l => l.Key, StringComparer.Ordinal)
            .Select(g => (g.Key, g.Sum(l => (long)l.Value), g.Count()))
            .OrderByDescending(l => l.Item2).ThenBy(l => l.Key, StringComparer.Ordinal),
    ];
}
