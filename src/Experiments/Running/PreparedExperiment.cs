using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Engine;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Running;

/// <summary>
/// An experiment with everything it needs read and checked: the base model, the tokenizer, every client's shard counted, the held-out samples.
/// Nothing has been written yet.
/// </summary>
public sealed class PreparedExperiment
{
    private PreparedExperiment()
    {
    }

    /// <summary>The experiment.</summary>
    public required Experiment Experiment { get; init; }

    /// <summary>Hashes of what its paths hold, for its identity.</summary>
    public required ExperimentInputs Inputs { get; init; }

    /// <summary>The base model, shared by all clients.</summary>
    public required DecoderWeights Weights { get; init; }

    /// <summary>The base model's tokenizer.</summary>
    public required ITokenizer Tokenizer { get; init; }

    /// <summary>The clients' samples.</summary>
    public required IShardSource Shards { get; init; }

    /// <summary>Every client's counts: samples, exclusions with reasons, tokens, labels.</summary>
    public required IReadOnlyList<ShardReport> Reports { get; init; }

    /// <summary>The held-out samples of <c>evaluation.data</c>, or null.</summary>
    public SampleSet? HeldOut { get; init; }

    /// <summary>Reads and checks everything <paramref name="experiment"/> names.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="progress">Hears of each client's shard as it is counted, or null.</param>
    /// <param name="cancellationToken">Stops between shards.</param>
    /// <exception cref="InputFileException">A file it names is missing, damaged or does not fit the others.</exception>
    public static PreparedExperiment Prepare(Experiment experiment, Action<ShardReport>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        DecoderWeights weights = ModelDirectory.Load(experiment.Model.Path);
        ITokenizer tokenizer = LoadTokenizer(experiment.Model.Path, weights.Config);
        if (experiment.Data.MaxLength > weights.Config.MaxPositions)
        {
            throw new InputFileException(
                experiment.Model.Path, "max_position_embeddings",
                $"the model was made for {weights.Config.MaxPositions} tokens, but data.max_length is {experiment.Data.MaxLength}",
                $"Set data.max_length to at most {weights.Config.MaxPositions}");
        }

        var encoder = new SampleEncoder(tokenizer, experiment.Data.Template, experiment.Data.MaxLength, experiment.Data.Overlong);
        ExampleReader reader = experiment.Data.Partition.Field is { } field
            ? new ExampleReader(experiment.Data.Format, field)
            : new ExampleReader(experiment.Data.Format);

        IReadOnlyList<string> files = experiment.Data.Partition.Scheme == PartitionScheme.Files
            ? DataFiles.FindShards(experiment.Data.Path, experiment.Data.Pattern)
            : DataFiles.FindDataset(experiment.Data.Path, experiment.Data.Pattern);
        IPartition partition = Cut(experiment, files, reader);
        CheckClients(experiment, partition);
        var shards = new TokenizedShards(partition, encoder);
        var reports = new List<ShardReport>();
        for (int client = 0; client < shards.Clients; client++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            reports.Add(shards.Report(client));
            progress?.Invoke(reports[^1]);
        }

        return new PreparedExperiment
        {
            Experiment = experiment,
            Inputs = new ExperimentInputs(ModelDirectory.ContentHash(experiment.Model.Path), DataFingerprint.Compute(files), NumericsVersion.Current),
            Weights = weights,
            Tokenizer = tokenizer,
            Shards = shards,
            Reports = reports,
            HeldOut = experiment.Evaluation.Data is { } held ? SampleSet.LoadHeldOut(held, reader, encoder) : null,
        };
    }

    /// <summary>Loads the tokenizer beside a model and checks that every id has a row in the embedding.</summary>
    /// <exception cref="InputFileException">The tokenizer is missing or damaged, or its vocabulary exceeds the model's.</exception>
    public static ITokenizer LoadTokenizer(string modelPath, ModelConfig model)
    {
        ArgumentNullException.ThrowIfNull(model);
        ITokenizer tokenizer = TokenizerDirectory.Load(modelPath);
        return tokenizer.VocabularySize <= model.VocabularySize
            ? tokenizer
            : throw new InputFileException(
                modelPath, "tokenizer",
                $"the tokenizer has {tokenizer.VocabularySize} ids, but the model's embedding has {model.VocabularySize} rows",
                "Use the tokenizer that belongs to the model");
    }

    private static IPartition Cut(Experiment experiment, IReadOnlyList<string> files, ExampleReader reader)
    {
        if (experiment.Data.Partition.Scheme == PartitionScheme.Files)
        {
            return new FilePartition(files, reader);
        }

        PartitionOptions options = experiment.Data.Partition;
        string origin = experiment.Data.Path;
        ulong seed = (ulong)experiment.Seed;
        Example[] examples = [.. files.SelectMany(reader.Read)];
        if (options.Scheme == PartitionScheme.Iid)
        {
            return new RowPartition(origin, examples, IidPartitioner.Cut(examples.Length, options.Clients!.Value, seed, origin));
        }

        IReadOnlyList<LabelGroup> groups = LabelGroup.Of(examples);
        return options.Scheme switch
        {
            PartitionScheme.ByField => new RowPartition(origin, examples, [.. groups.Select(g => g.Rows)], [.. groups.Select(g => g.Label)]),
            PartitionScheme.Dirichlet => new RowPartition(
                origin, examples, DirichletPartitioner.Cut(groups, options.Clients!.Value, options.Alpha!.Value, options.MinSize!.Value, seed, origin)),
            PartitionScheme.Shards => new RowPartition(
                origin, examples, ShardPartitioner.Cut(groups, options.Clients!.Value, options.ShardsPerClient!.Value, seed, origin)),
            _ => throw new InvalidOperationException($"The partition scheme {options.Scheme} is not handled."),
        };
    }

    private static void CheckClients(Experiment experiment, IPartition partition)
    {
        if (experiment.Data.Partition.Clients is { } expected && expected != partition.Clients)
        {
            throw new InputFileException(
                experiment.Data.Path, null, $"holds {partition.Clients} shards, but data.partition.clients is {expected}",
                "Correct data.pattern or data.partition.clients, or leave the latter out");
        }

        if (experiment.Federation.ClientsPerRound > partition.Clients)
        {
            throw new InputFileException(
                experiment.Data.Path, null, $"holds {partition.Clients} shards, but federation.clients_per_round is {experiment.Federation.ClientsPerRound}",
                "Sample at most all clients");
        }
    }
}
