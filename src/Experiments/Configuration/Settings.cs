using System.Diagnostics.CodeAnalysis;
using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Learners;
using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Configuration;

/// <summary>Where a value came from.</summary>
/// <param name="File">The file, or <c>--set</c>.</param>
/// <param name="Line">Line from 1, or 0 for none.</param>
internal sealed record Origin(string File, int Line);

/// <summary>The values gathered while a file is read, with their origins and every error met.</summary>
internal sealed class Settings(string file)
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Origin> _origins = new(StringComparer.Ordinal);
    private readonly List<ExperimentFileError> _errors = [];

    /// <summary>The file being read.</summary>
    public string File { get; } = file;

    /// <summary>Notes an error in the file.</summary>
    public void Add(int line, string path, string message) => Add(File, line, path, message);

    /// <summary>Notes an error.</summary>
    public void Add(string source, int line, string path, string message) => _errors.Add(new ExperimentFileError(source, line, path, message));

    /// <summary>Notes an error about a key where its value came from.</summary>
    public void AddAtOrigin(string path, string message)
    {
        Origin origin = _origins.GetValueOrDefault(path) ?? new Origin(File, 0);
        Add(origin.File, origin.Line, path, message);
    }

    /// <summary>Reads and keeps a key's value, in place of an earlier one.</summary>
    public void Set(Key key, SourceNode value, string folder, Origin origin)
    {
        _origins[key.Path] = origin;
        ValueReading reading = key.Type.Read(value, folder);
        if (reading.Problem is null)
        {
            _values[key.Path] = reading.Value;
        }
        else
        {
            AddAtOrigin(key.Path, reading.Problem);
        }
    }

    /// <summary>Whether the file or an override gave the key.</summary>
    public bool IsGiven(string path) => _origins.ContainsKey(path);

    /// <summary>Gets a key's value where it could be read and is not none.</summary>
    public bool TryGet<T>(string path, [MaybeNullWhen(false)] out T value)
    {
        if (_values.GetValueOrDefault(path) is T typed)
        {
            value = typed;
            return true;
        }

        value = default;
        return false;
    }

    /// <summary>Whether the key's value could be read and is none.</summary>
    public bool IsNone(string path) => _values.TryGetValue(path, out object? value) && value is null;

    /// <summary>Fills every key that was not given: from the preset, then from the defaults.</summary>
    public void FillGaps()
    {
        var preset = _values.GetValueOrDefault("preset") as Preset?;
        foreach ((string path, string text) in preset is { } chosen ? Presets.Values(chosen) : new Dictionary<string, string>())
        {
            if (!IsGiven(path) && !GivesWay(path))
            {
                Fill(path, text, " (a value of the preset; write your own)");
            }
        }

        FillIfMissing("name", NameType.From(Path.GetFileNameWithoutExtension(File)));
        DataDefaults.Fill(this);
        FillByTask();
        CohortKeys.Fill(this);
        FillIfMissing("training.max_steps", TryGet<double>("training.epochs", out _) ? "none" : "10");
        AlgorithmConstants.Fill(this);
        foreach (Key key in Schema.Keys.Where(k => !IsGiven(k.Path)))
        {
            if (key.Default is not null)
            {
                FillIfMissing(key.Path, key.Default);
            }
            else if (!_values.ContainsKey(key.Path) && !_errors.Any(e => e.Path == key.Path))
            {
                Add(0, key.Path, "is required; name " + (key.Path == "model.path" ? "a model directory" : "a file, a folder or a glob"));
            }
        }
    }

    /// <summary>Throws what was noted, if anything, in the order of lines.</summary>
    /// <exception cref="ExperimentFileException">There are errors.</exception>
    public void ThrowIfWrong()
    {
        if (_errors.Count > 0)
        {
            // Stable: those without a line follow, in the order they were found.
            throw new ExperimentFileException([.. _errors.Distinct().OrderBy(e => e.Line == 0 ? int.MaxValue : e.Line)]);
        }
    }

    /// <summary>Makes the experiment of the values, all of which are there.</summary>
    public Experiment ToExperiment() => new()
    {
        Name = Get<string>("name"),
        Preset = (Preset?)_values["preset"],
        Seed = Get<long>("seed"),
        Task = Get<TaskKind>("task"),
        Model = new ModelOptions(Get<string>("model.path"), Get<WeightType>("model.dtype"), Get<DeviceKind>("model.device"), Get<WeightQuantization>("model.quantization")),
        Lora = new LoraOptions(
            Int("lora.rank"), Get<double>("lora.alpha"), Get<double>("lora.dropout"), Get<LoraTargetOptions>("lora.targets"))
        {
            RankPattern = Get<IReadOnlyList<KeyValuePair<string, int>>>("lora.rank_pattern"),
            AlphaPattern = Get<IReadOnlyList<KeyValuePair<string, double>>>("lora.alpha_pattern"),
            RankByClient = Get<IReadOnlyList<KeyValuePair<int, int>>>("lora.rank_by_client"),
            RankStabilized = Get<bool>("lora.rslora"),
        },
        Data = new DataOptions
        {
            Path = (string?)_values["data.path"],
            Pattern = (string?)_values["data.pattern"],
            Format = (RecordFormat?)_values["data.format"],
            Limit = IntOrNull("data.limit"),
            Sources = (IReadOnlyList<DataSource>?)_values["data.sources"],
            Template = Get<PromptTemplate>("data.template"),
            MaxLength = Int("data.max_length"),
            Overlong = Get<OverlongPolicy>("data.overlong"),
            Scored = Get<ScoredTokens>("data.scored"),
            Turns = Get<TrainedTurns>("data.turns"),
            Placement = Get<DataPlacement>("data.placement"),
            ShowLabels = Get<bool>("data.show_labels"),
            ShowSamples = Get<bool>("data.show_samples"),
            Evaluation = (HeldOutData?)_values["data.evaluation"],
            Partition = new PartitionOptions(Get<PartitionScheme>("data.partition.scheme"), IntOrNull("data.partition.clients"))
            {
                Field = (string?)_values["data.partition.field"],
                Alpha = (double?)_values["data.partition.alpha"],
                Cap = (bool?)_values["data.partition.cap"],
                Sigma = (double?)_values["data.partition.sigma"],
                MinSize = IntOrNull("data.partition.min_size"),
                ShardsPerClient = IntOrNull("data.partition.shards_per_client"),
                TestPerLabel = IntOrNull("data.partition.test_per_label"),
                BySource = Get<bool>("data.partition.by_source"),
                Registered = IntOrNull("data.partition.registered"),
            },
        },
        Federation = new FederationOptions
        {
            Rounds = Int("federation.rounds"),
            ClientsPerRound = IntOrNull("federation.clients_per_round"),
            Fraction = (double?)_values["federation.fraction"],
            Algorithm = Get<Algorithm>("federation.algorithm"),
            Convention = Get<Convention>("federation.convention"),
            ProximalMu = (double?)_values["federation.prox_mu"],
            ServerLearningRate = (double?)_values["federation.server_learning_rate"],
            ServerMomentum = (double?)_values["federation.server_momentum"],
            Tau = (double?)_values["federation.tau"],
            Beta1 = (double?)_values["federation.beta1"],
            Beta2 = (double?)_values["federation.beta2"],
            LoraAggregation = Get<LoraAggregation>("federation.lora_aggregation"),
            Sampling = Get<CohortSampling>("federation.sampling"),
            Client = IntOrNull("federation.client"),
            Pooling = (Pooling?)_values["federation.pooling"],
            OverSelection = Get<double>("federation.over_selection"),
            Quorum = Get<double>("federation.quorum"),
            Deadline = (double?)_values["federation.deadline"],
            WallDeadline = (double?)_values["federation.wall_deadline"],
            MaxAbandoned = Int("federation.max_abandoned"),
            BudgetMebibytes = (double?)_values["federation.budget_mb"],
        },
        Simulation = CohortKeys.IsSimulated(this)
            ? new SimulationOptions(
                Get<double>("simulation.availability"), Get<double>("simulation.drop_out"), Get<double>("simulation.median_seconds"),
                Get<double>("simulation.client_spread"), Get<double>("simulation.round_spread"))
            : null,
        Dpo = new DpoOptions
        {
            Beta = Get<double>("dpo.beta"),
            Loss = Get<PreferenceLoss>("dpo.loss"),
            LabelSmoothing = Get<double>("dpo.label_smoothing"),
            LengthNormalized = Get<bool>("dpo.length_normalized"),
            Reference = Get<DpoReference>("dpo.reference"),
            MaxPromptLength = Int("dpo.max_prompt_length"),
        },
        Training = new TrainingOptions
        {
            BatchSize = Int("training.batch_size"),
            GradientAccumulation = Int("training.gradient_accumulation"),
            Accumulation = Get<Accumulation>("training.accumulation"),
            MaxSteps = IntOrNull("training.max_steps"),
            Epochs = (double?)_values["training.epochs"],
            LearningRate = Get<double>("training.learning_rate"),
            Schedule = Get<LearningRateSchedule>("training.schedule"),
            Warmup = Int("training.warmup"),
            MinLearningRate = Get<double>("training.min_learning_rate"),
            Optimizer = Get<OptimizerKind>("training.optimizer"),
            Momentum = (double?)_values["training.momentum"],
            WeightDecay = Get<double>("training.weight_decay"),
            MaxGradNorm = (double?)_values["training.max_grad_norm"],
            GradientCheckpointing = Get<bool>("training.gradient_checkpointing"),
            Threads = IntOrNull("training.threads"),
            Lanes = IntOrNull("training.lanes"),
            LaneMemory = IntOrNull("training.lane_memory_mb"),
        },
        Evaluation = new EvaluationOptions(
            Int("evaluation.every"), (string?)_values["evaluation.data"], Get<IReadOnlyList<EvaluationSuite>>("evaluation.suites"))
        {
            Personal = Get<PersonalEvaluation>("evaluation.personal"),
        },
        Checkpoint = new CheckpointOptions(Int("checkpoint.every"), Int("checkpoint.keep"), Get<bool>("checkpoint.keep_updates")),
    };

    // A preset's value that another key of the file takes the place of.
    private bool GivesWay(string path) => path switch
    {
        "training.epochs" => TryGet<long>("training.max_steps", out _),
        "federation.fraction" => TryGet<long>("federation.clients_per_round", out _)
            || (TryGet("federation.sampling", out CohortSampling sampling) && sampling is not (CohortSampling.FedIt or CohortSampling.FixedFraction)),
        "federation.clients_per_round" => IsGiven("federation.fraction") || _values.GetValueOrDefault("federation.sampling") is CohortSampling.FixedFraction,
        _ => DataDefaults.GivesWay(this, path),
    };

    // Defaults that depend on the task and the optimizer.
    private void FillByTask()
    {
        bool pairs = _values.GetValueOrDefault("task") is TaskKind.Dpo;
        FillIfMissing("training.min_learning_rate", pairs ? "1e-5" : "1e-6");
        FillIfMissing("training.momentum", _values.GetValueOrDefault("training.optimizer") is OptimizerKind.Sgd ? "0" : "none");
        FillIfMissing("evaluation.suites", pairs ? "[preference]" : "[loss]");
    }

    /// <summary>Fills a key that has no value and no error yet.</summary>
    public void FillIfMissing(string path, string text)
    {
        if (!IsGiven(path) && !_values.ContainsKey(path) && !_errors.Any(e => e.Path == path))
        {
            Fill(path, text, string.Empty);
        }
    }

    // Presets and defaults are written as an override is, so that their lists read the same way; none of them is a path.
    private void Fill(string path, string text, string remark)
    {
        Key key = Schema.Find(path)!;
        ValueReading reading = key.Type.Read(key.Type.FromOverride(text), "/");
        if (reading.Problem is null)
        {
            _values[path] = reading.Value;
        }
        else
        {
            Add(0, path, reading.Problem + remark);
        }
    }

    private T Get<T>(string path) => (T)_values[path]!;

    private int Int(string path) => (int)Get<long>(path);

    private int? IntOrNull(string path) => _values[path] is long value ? (int)value : null;
}
