using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Pinning;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Running;

/// <summary>
/// An experiment with everything it needs read and checked: the base model, the tokenizer, every client's shard counted, the held-out samples.
/// Nothing has been written yet.
/// </summary>
public sealed record PreparedExperiment
{
    private PreparedExperiment()
    {
    }

    /// <summary>The experiment.</summary>
    public required Experiment Experiment { get; init; }

    /// <summary>Hashes of what its paths hold, for its identity.</summary>
    public required ExperimentInputs Inputs { get; init; }

    /// <summary>The base model as it was read.</summary>
    public required DecoderWeights Weights { get; init; }

    /// <summary>Where the experiment computes.</summary>
    public required LearnerDevice Device { get; init; }

    /// <summary>The base model on its device, shared by all clients.</summary>
    public required ILearner Learner { get; init; }

    /// <summary>The base model's tokenizer.</summary>
    public required ITokenizer Tokenizer { get; init; }

    /// <summary>The clients' samples and the held-out ones of <c>evaluation.data</c> or <c>data.evaluation</c>: <see cref="SequenceData"/> or <see cref="PairData"/>, by task.</summary>
    public required TaskData Data { get; init; }

    /// <summary>The clients and their counts.</summary>
    public IShards Shards => Data.Shards;

    /// <summary>Number of clients of the partition; with algorithm centralized, <see cref="Shards"/> has one that holds all their shards.</summary>
    public required int PartitionClients { get; init; }

    /// <summary>Whether the global state is measured on all clients' own held-out data together, for want of other held-out data.</summary>
    public bool HeldOutIsOwn => Experiment is { Data.Evaluation: not null, Evaluation.Data: null, Data.Partition.TestPerLabel: null };

    /// <summary>Number of different sets of own held-out data: one for each client, or for each shard that clients share.</summary>
    public required int OwnParts { get; init; }

    /// <summary>Every client's counts: samples, exclusions and truncations with reasons, tokens, labels.</summary>
    public required IReadOnlyList<ShardReport> Reports { get; init; }

    /// <summary>The adapter that <c>dpo.reference</c> names, or null where it names none.</summary>
    public PeftAdapter? ReferenceAdapter { get; init; }

    /// <summary>Whether preferences are learned against the model that each round begins with, corrections of the base included.</summary>
    public bool ReferenceIsOfTheRound => Experiment.Task == TaskKind.Dpo && Experiment.Dpo.Reference.Policy == ReferencePolicy.Round;

    /// <summary>Returns the adapter that the run starts from: the one that <c>dpo.reference</c> names, or PEFT's initial one by the run's seed.</summary>
    public TensorSet InitialAdapter() => ReferenceAdapter?.Tensors.Clone()
        ?? LoraAdapter.Initialize(Weights.Config, Experiment.Lora.ToConfig(), (ulong)Experiment.Seed).Parameters;

    /// <summary>Reads and checks everything <paramref name="experiment"/> names.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="progress">Hears of each client's shard as it is counted, or null.</param>
    /// <param name="cancellationToken">Stops between shards.</param>
    /// <param name="devices">The devices there are; the CPU engine alone by default.</param>
    /// <param name="tokenizers">Loads the tokenizer; <see cref="TokenizerDirectory"/> by default.</param>
    /// <param name="pinned">Its clients, where their shards are pinned to silos of a cluster; null where all shards can be read here.</param>
    /// <exception cref="InputFileException">A file it names is missing, damaged or does not fit the others.</exception>
    /// <exception cref="DeviceUnavailableException">The device it names is not there.</exception>
    public static PreparedExperiment Prepare(
        Experiment experiment, Action<ShardReport>? progress = null, CancellationToken cancellationToken = default, ILearnerDevices? devices = null,
        TokenizerLoader? tokenizers = null, PinnedPlace? pinned = null)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        LearnerDevice device = (devices ?? CpuDevices.OfThisMachine()).Find(experiment.Model.Device).Require(experiment.Model.Quantization);
        DecoderWeights weights = ModelDirectory.Load(
            experiment.Model.Path, experiment.Model.WeightType == WeightType.Bfloat16 ? WeightStorage.BFloat16 : WeightStorage.Float32);
        ITokenizer tokenizer = LoadTokenizer(experiment.Model.Path, weights.Config, tokenizers);
        if (experiment.Data.MaxLength > weights.Config.MaxPositions)
        {
            throw new InputFileException(
                experiment.Model.Path, "max_position_embeddings",
                $"the model was made for {weights.Config.MaxPositions} tokens, but data.max_length is {experiment.Data.MaxLength}",
                $"Set data.max_length to at most {weights.Config.MaxPositions}");
        }

        (PeftAdapter? reference, string? referenceHash) = LoadReference(experiment, weights.Config);
        CutData cut = pinned?.Cut(experiment) ?? CutData.Of(experiment);
        HeldOutSplit? split = experiment.Data.Evaluation?.Fraction is { } share ? new HeldOutSplit(cut.Partition, share, (ulong)experiment.Seed) : null;
        string origin = cut.Origin;
        IPartition parts = split ?? cut.Partition;
        IPartition partition = Registered(parts);
        CheckClients(experiment, partition, cut.Origin);
        IPartition? heldOut = split?.HeldOut ?? HeldOutFiles(experiment, cut.Partition);
        bool pooled = experiment.Federation.Algorithm == Algorithm.Centralized;
        bool asked = experiment.Evaluation.Personal != PersonalEvaluation.None || experiment.Federation.LoraAggregation == LoraAggregation.FedSa;
        TaskData data = Encode(
            experiment, tokenizer, pooled ? new PooledPartition(parts) : partition, cut, heldOut, heldOut is not null && asked ? Registered(heldOut) : null, pinned?.Clients.Shards);
        for (int client = 0; client < data.Shards.Clients; client++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _ = data.Shards.Size(client); // counts it
            progress?.Invoke(data.Shards.Report(client));
        }

        for (int client = 0; client < data.OwnShards?.Clients; client++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            _ = data.OwnShards.Size(client);
        }

        var reports = new ShardReports(data.Shards, pooled ? null : data.OwnShards) { HidesLabels = experiment.Data.HidesLabels };
        CheckWarmup(experiment, reports, cut.Origin);
        ILearner learner = device.Load(weights, experiment.Model.Quantization);
        return new PreparedExperiment
        {
            Experiment = experiment,
            Inputs = new ExperimentInputs(
                ModelDirectory.ContentHash(experiment.Model.Path), cut.Fingerprint, learner.Numerics, referenceHash),
            Weights = weights,
            Device = device,
            Learner = learner,
            Tokenizer = tokenizer,
            Data = data,
            PartitionClients = partition.Clients,
            OwnParts = cut.Partition.Clients,
            Reports = reports,
            ReferenceAdapter = reference,
        };

        IPartition Registered(IPartition cut) => experiment.Data.Partition.Registered is { } registered ? new SharedPartition(cut, registered, origin) : cut;
    }

    /// <summary>Loads the tokenizer beside a model and checks that every id has a row in the embedding.</summary>
    /// <exception cref="InputFileException">The tokenizer is missing or damaged, or its vocabulary exceeds the model's.</exception>
    public static ITokenizer LoadTokenizer(string modelPath, ModelConfig model, TokenizerLoader? tokenizers = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ITokenizer tokenizer = (tokenizers ?? TokenizerDirectory.Load)(modelPath);
        return tokenizer.VocabularySize <= model.VocabularySize
            ? tokenizer
            : throw new InputFileException(
                modelPath, "tokenizer",
                $"the tokenizer has {tokenizer.VocabularySize} ids, but the model's embedding has {model.VocabularySize} rows",
                "Use the tokenizer that belongs to the model");
    }

    private static TaskData Encode(
        Experiment experiment, ITokenizer tokenizer, IPartition partition, CutData cut, IPartition? heldOut, IPartition? own, IReadOnlyList<PinnedShard>? pinned)
    {
        if (experiment.Task == TaskKind.Dpo)
        {
            PairEncoder pairs = SampleEncoders.Pairs(experiment, tokenizer);
            return new PairData(Training(pairs), HeldOut(pairs)) { Own = Own(pairs) };
        }

        SampleEncoder sequences = SampleEncoders.Sequences(experiment, tokenizer);
        return new SequenceData(Training(sequences), HeldOut(sequences)) { Own = Own(sequences) };

        IShardSource<TSample> Training<TSample>(ISampleEncoder<TSample> encoder)
            where TSample : class
        {
            var shards = new TokenizedShards<TSample>(partition, encoder);
            return pinned is null ? shards : new PinnedShards<TSample>(shards, pinned);
        }

        IShardSource<TSample>? Own<TSample>(ISampleEncoder<TSample> encoder)
            where TSample : class => own is null ? null : new TokenizedShards<TSample>(own, encoder, mayBeEmpty: true);

        SampleSet<TSample>? HeldOut<TSample>(ISampleEncoder<TSample> encoder)
            where TSample : class
        {
            if (cut.Test is not null)
            {
                return SampleSet.EncodeHeldOut(cut.Origin, cut.Test, encoder);
            }

            if (experiment.Evaluation.Data is { } path)
            {
                return SampleSet.LoadHeldOut(path, SampleEncoders.Reader(experiment), encoder);
            }

            return heldOut is null ? null : SampleSet.EncodeHeldOut(cut.Origin, Enumerable.Range(0, heldOut.Clients).SelectMany(heldOut.Read), encoder);
        }
    }

    private static HeldOutFiles? HeldOutFiles(Experiment experiment, IPartition clients) =>
        experiment.Data.Evaluation?.Glob is { } glob ? new HeldOutFiles(clients, glob, SampleEncoders.Reader(experiment)) : null;

    private static (PeftAdapter? Adapter, string? Hash) LoadReference(Experiment experiment, ModelConfig model)
    {
        if (experiment.Task != TaskKind.Dpo || experiment.Dpo.Reference.AdapterPath is not { } path)
        {
            return (null, null);
        }

        PeftAdapter adapter = PeftAdapter.Load(path, model);
        adapter.RequireLike(path, experiment.Lora.ToConfig(), model.Layers);
        return (adapter, DataFingerprint.Compute([Path.Combine(path, "adapter_config.json"), Path.Combine(path, "adapter_model.safetensors")]));
    }

    // Passes over a shard are as many steps as it is large, which the experiment file cannot know.
    private static void CheckWarmup(Experiment experiment, IReadOnlyList<ShardReport> reports, string origin)
    {
        TrainingOptions options = experiment.Training;
        if (options.Epochs is null || options.Schedule is not (LearningRateSchedule.CosineByStep or LearningRateSchedule.LinearByStep))
        {
            return;
        }

        ShardReport smallest = reports.MinBy(r => r.Tally.Usable)!;
        if (options.Warmup >= options.Steps(smallest.Tally.Usable))
        {
            throw new InputFileException(
                origin, null,
                $"client {smallest.Client} ({smallest.Name}) takes {options.Steps(smallest.Tally.Usable)} optimizer steps in a round, but training.warmup is {options.Warmup}",
                "Set training.warmup below the steps of every client");
        }
    }

    // What only the number of shards shows not to work, all at once.
    private static void CheckClients(Experiment experiment, IPartition partition, string origin)
    {
        int clients = partition.Clients;
        int[] absent = [.. experiment.Lora.RankByClient.Select(e => e.Key).Where(c => c >= clients)];
        string[] problems =
        [
            .. experiment.Federation.Client >= clients ? [$"federation.client is {experiment.Federation.Client}"] : Array.Empty<string>(),
            .. experiment.Federation.ClientsPerRound > clients ? [$"federation.clients_per_round is {experiment.Federation.ClientsPerRound}"] : Array.Empty<string>(),
            .. absent.Length > 0 ? [$"lora.rank_by_client names client {string.Join(", ", absent)}"] : Array.Empty<string>(),
        ];
        if (problems.Length > 0)
        {
            throw new InputFileException(
                origin, null, $"holds {clients} shards, but {string.Join(" and ", problems)}",
                "Name clients below that number, the first is 0, and sample at most all of them");
        }
    }
}
