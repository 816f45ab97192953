using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>An experiment's data, found and cut into the clients' parts. It needs neither the model nor its tokenizer.</summary>
public sealed class CutData
{
    private const int SourceStream = 5; // the stream's step: partitioners and samples of a dataset draw at steps 0 to 4

    private CutData()
    {
    }

    /// <summary>The parts, one for each client, before <c>data.partition.registered</c> shares them out.</summary>
    public required IPartition Partition { get; init; }

    /// <summary>The records that <c>data.partition.test_per_label</c> keeps out of training, or null without it.</summary>
    public required IReadOnlyList<Example>? Test { get; init; }

    /// <summary>SHA-256, lower-case hex, of the data's files.</summary>
    public required string Fingerprint { get; init; }

    /// <summary>What the experiment's file calls the data, for messages.</summary>
    public required string Origin { get; init; }

    /// <summary>Describes clients whose shards are pinned to silos; no shard is read.</summary>
    internal static CutData Pinned(Experiment experiment, IPartition partition, string fingerprint)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        return new CutData { Partition = partition, Test = null, Fingerprint = fingerprint, Origin = experiment.Data.Path! };
    }

    /// <summary>Finds, reads and cuts the data.</summary>
    /// <exception cref="InputFileException">A file is missing or damaged, or the data cannot be cut so.</exception>
    public static CutData Of(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        DataOptions options = experiment.Data;
        PartitionOptions cut = options.Partition;
        ulong seed = (ulong)experiment.Seed;
        Source[] sources = [.. options.AllSources().Select((s, i) => Source.Find(s, experiment, i))];
        string origin = options.Path ?? "data.sources";
        var test = new List<Example>();
        IPartition partition;
        if (cut.Scheme == PartitionScheme.Files)
        {
            partition = Joined(sources, s => new FilePartition(s.Files, s.Reader));
        }
        else if (cut.BySource)
        {
            // Draws of one source must not be those of the next.
            partition = Joined(sources, s => Rows(s.Read(seed), cut, s.Options.Clients, Seed(seed, s.Index), s.Options.Path, test));
        }
        else
        {
            partition = Rows([.. sources.SelectMany(s => s.Read(seed))], cut, cut.Clients, seed, origin, test);
        }

        if (cut.Clients is { } expected && expected != partition.Clients)
        {
            throw new InputFileException(
                origin, null, $"holds {partition.Clients} shards, but data.partition.clients is {expected}",
                "Correct data.pattern or data.partition.clients, or leave the latter out");
        }

        return new CutData
        {
            Partition = partition,
            Test = cut.TestPerLabel is null ? null : test,
            Fingerprint = DataFingerprint.Join([.. sources.Select(s => DataFingerprint.Compute(s.Files))]),
            Origin = origin,
        };
    }

    private static IPartition Joined(Source[] sources, Func<Source, IPartition> cut) =>
        sources.Length == 1 ? cut(sources[0]) : new JoinedPartition([.. sources.Select(s => (s.Options.Name, cut(s)))]);

    private static ulong Seed(ulong seed, int source)
    {
        var random = new CounterRandom(seed, RandomPurpose.Partition, client: source, step: SourceStream);
        return ((ulong)random.Bits(0) << 32) | random.Bits(1);
    }

    private static RowPartition Rows(IReadOnlyList<Example> examples, PartitionOptions options, int? clients, ulong seed, string origin, List<Example> test)
    {
        if (options.TestPerLabel is { } perLabel)
        {
            (examples, IReadOnlyList<Example> held) = DatasetSample.HoldOut(examples, perLabel, seed, origin);
            test.AddRange(held);
        }

        IReadOnlyList<LabelGroup> Groups() => LabelGroup.Of(examples);
        if (options.Scheme == PartitionScheme.ByField)
        {
            IReadOnlyList<LabelGroup> groups = Groups();
            return new RowPartition(origin, examples, [.. groups.Select(g => g.Rows)], [.. groups.Select(g => g.Label)]);
        }

        return new RowPartition(origin, examples, options.Scheme switch
        {
            PartitionScheme.Iid => IidPartitioner.Cut(examples.Count, clients!.Value, seed, origin),
            PartitionScheme.Quantity => QuantityPartitioner.Cut(examples.Count, clients!.Value, options.Sigma!.Value, options.MinSize!.Value, seed, origin),
            PartitionScheme.Dirichlet =>
                DirichletPartitioner.Cut(Groups(), clients!.Value, options.Alpha!.Value, options.MinSize!.Value, seed, origin, options.Cap!.Value),
            PartitionScheme.Shards => ShardPartitioner.Cut(Groups(), clients!.Value, options.ShardsPerClient!.Value, seed, origin),
            _ => throw new InvalidOperationException($"The partition scheme {options.Scheme} is not handled."),
        });
    }

    private sealed record Source(int Index, DataSource Options, IReadOnlyList<string> Files, ExampleReader Reader)
    {
        public static Source Find(DataSource options, Experiment experiment, int index)
        {
            PartitionOptions cut = experiment.Data.Partition;
            SampleKind kind = experiment.Task == TaskKind.Dpo ? SampleKind.Pair : SampleKind.Sequence;
            IReadOnlyList<string> files = cut.Scheme == PartitionScheme.Files
                ? DataFiles.FindShards(options.Path, options.Pattern)
                : DataFiles.FindDataset(options.Path, options.Pattern);
            return new Source(index, options, files, new ExampleReader(options.Format, cut.Field ?? "category", kind: kind));
        }

        public IReadOnlyList<Example> Read(ulong seed)
        {
            Example[] all = [.. Files.SelectMany(Reader.Read)];
            return Options.Limit is { } limit ? DatasetSample.Take(all, limit, CutData.Seed(seed, Index)) : all;
        }
    }
}
