using FedLLM.Data.Partitioning;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Devices;
using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Configuration;

/// <summary>All keys of the experiment file, in the order in which a resolved file is written. Defaults are those of OpenFedLLM's config.py.</summary>
internal static class Schema
{
    /// <summary>Hugging Face's names of the linear layers.</summary>
    public static readonly IReadOnlyList<(string Name, LinearKind Value)> LinearNames =
    [
        ("q_proj", LinearKind.Query), ("k_proj", LinearKind.Key), ("v_proj", LinearKind.Value), ("o_proj", LinearKind.Output),
        ("gate_proj", LinearKind.Gate), ("up_proj", LinearKind.Up), ("down_proj", LinearKind.Down),
    ];

    private static readonly IntegerType Rank = new(1, 65_536);

    private static readonly NumberType Decay = new(new Bounds(0, true, 1, false));

    /// <summary>The keys.</summary>
    public static readonly IReadOnlyList<Key> Keys = [.. Top(), .. Model(), .. Data(), .. Federation(), .. CohortKeys.Federation(), .. CohortKeys.Simulation(), .. Training(), .. Bookkeeping()];

    private static readonly Dictionary<string, Key> ByPath = Keys.ToDictionary(k => k.Path, StringComparer.Ordinal);

    /// <summary>Every section, and the sections' sections.</summary>
    public static readonly IReadOnlySet<string> Sections = Keys.Select(k => k.Section).Where(s => s.Length > 0).ToHashSet(StringComparer.Ordinal);

    /// <summary>The key at <paramref name="path"/>, or null.</summary>
    public static Key? Find(string path) => ByPath.GetValueOrDefault(path);

    private static IEnumerable<Key> Top() =>
    [
        new("name", new NameType(), null, e => e.Name, KeyRole.Harmless),
        new("preset", new OptionalType(Choice(("openfedllm-sft", Preset.OpenFedLlmSft), ("openfedllm-dpo", Preset.OpenFedLlmDpo), ("shepherd", Preset.Shepherd))),
            "none", e => e.Preset, KeyRole.Harmless),
        new("seed", new IntegerType(0, long.MaxValue), "2023", e => e.Seed),
        new("task", Choice(("sft", TaskKind.Sft), ("dpo", TaskKind.Dpo)), "sft", e => e.Task),
    ];

    private static IEnumerable<Key> Model() =>
    [
        new("model.path", new PathType(), null, e => e.Model.Path, KeyRole.Content),
        new("model.dtype", Choice([("float32", WeightType.Float32), ("bfloat16", WeightType.Bfloat16)], "float16"), "float32", e => e.Model.WeightType),

        // Another device is another engine, which is part of the numerics version.
        new("model.device", Choice([.. DeviceNames.Kinds]), "auto", e => e.Model.Device, KeyRole.Harmless),
        new("model.quantization", Choice([.. DeviceNames.Quantizations]), "none", e => e.Model.Quantization),
        new("lora.rank", Rank, "8", e => (long)e.Lora.Rank),
        new("lora.alpha", new NumberType(Bounds.Above(0)), "16", e => e.Lora.Alpha),
        new("lora.dropout", new NumberType(new Bounds(0, true, 1, false)), "0.05", e => e.Lora.Dropout),
        new("lora.targets", new LoraTargetsType(), "[q_proj, v_proj]", e => e.Lora.Targets),
        new("lora.rank_pattern", new PatternMapType<int>(Rank), "{}", e => e.Lora.RankPattern),
        new("lora.alpha_pattern", new PatternMapType<double>(new NumberType(Bounds.Above(0))), "{}", e => e.Lora.AlphaPattern),
        new("lora.rank_by_client", new ClientRanksType(Rank), "{}", e => e.Lora.RankByClient),
        new("lora.rslora", new SwitchType(), "false", e => e.Lora.RankStabilized),
    ];

    private static IEnumerable<Key> Data() =>
    [
        new("data.path", new OptionalType(new PathType()), null, e => e.Data.Path, KeyRole.Content),

        // Where shards lie changes no bit of what is learned from them.
        new("data.placement", Choice(("shared", DataPlacement.Shared), ("pinned", DataPlacement.Pinned)), "shared", e => e.Data.Placement, KeyRole.Harmless),
        new("data.show_labels", new SwitchType(), "false", e => e.Data.ShowLabels, KeyRole.Harmless),
        new("data.show_samples", new SwitchType(), "false", e => e.Data.ShowSamples, KeyRole.Harmless),
        new("data.pattern", new OptionalType(new FilePatternType()), "none", e => e.Data.Pattern),
        new("data.format", SourceListType.Format, "auto", e => e.Data.Format),
        new("data.limit", new OptionalType(new IntegerType(1)), "none", e => Long(e.Data.Limit)),
        new("data.sources", new OptionalType(new SourceListType()), "none", e => e.Data.Sources) { Identity = e => SourceListType.Identity(e.Data.Sources) },
        new("data.template", new ChoiceType<PromptTemplate>([.. PromptTemplate.All.Select(t => (t.Name, t))]), "alpaca", e => e.Data.Template),
        new("data.max_length", new IntegerType(2, 1 << 24), "512", e => (long)e.Data.MaxLength),
        new("data.overlong", Choice(("exclude", OverlongPolicy.Exclude), ("trim-prompt", OverlongPolicy.TrimPrompt)), "exclude", e => e.Data.Overlong),
        new("data.scored", Choice(("response", ScoredTokens.Response), ("all", ScoredTokens.All)), "response", e => e.Data.Scored),
        new("data.turns", Choice(("every", TrainedTurns.Every), ("last", TrainedTurns.Last)), "every", e => e.Data.Turns),

        // Files for each client take nothing out of training: to the identity they are as none.
        new("data.evaluation", new OptionalType(new HeldOutType()), "none", e => e.Data.Evaluation) { Identity = e => HeldOutType.Identity(e.Data.Evaluation) },
        new("data.partition.scheme", Choice(("iid", PartitionScheme.Iid), ("files", PartitionScheme.Files), ("dirichlet", PartitionScheme.Dirichlet),
            ("shards", PartitionScheme.Shards), ("by-field", PartitionScheme.ByField), ("quantity", PartitionScheme.Quantity)), "iid", e => e.Data.Partition.Scheme),
        new("data.partition.clients", new OptionalType(new IntegerType(1), "auto"), null, e => Long(e.Data.Partition.Clients)),
        new("data.partition.field", new OptionalType(new TextType()), null, e => e.Data.Partition.Field),
        new("data.partition.alpha", new OptionalType(new NumberType(new Bounds(DirichletPartitioner.MinAlpha, true, DirichletPartitioner.MaxAlpha, true))), null,
            e => e.Data.Partition.Alpha),
        new("data.partition.cap", new OptionalType(new SwitchType()), null, e => e.Data.Partition.Cap),
        new("data.partition.sigma", new OptionalType(new NumberType(new Bounds(0, true, QuantityPartitioner.MaxSigma, true))), null, e => e.Data.Partition.Sigma),
        new("data.partition.min_size", new OptionalType(new IntegerType(1)), null, e => Long(e.Data.Partition.MinSize)),
        new("data.partition.shards_per_client", new OptionalType(new IntegerType(1)), null, e => Long(e.Data.Partition.ShardsPerClient)),
        new("data.partition.test_per_label", new OptionalType(new IntegerType(1)), "none", e => Long(e.Data.Partition.TestPerLabel)),
        new("data.partition.by_source", new SwitchType(), "false", e => e.Data.Partition.BySource),
        new("data.partition.registered", new OptionalType(new IntegerType(1)), "none", e => Long(e.Data.Partition.Registered)),
    ];

    private static IEnumerable<Key> Federation() =>
    [
        new("federation.rounds", new IntegerType(1), "500", e => (long)e.Federation.Rounds),
        new("federation.algorithm", Choice([("fedavg", Algorithm.FedAvg), ("fedprox", Algorithm.FedProx), ("scaffold", Algorithm.Scaffold), ("fedavgm", Algorithm.FedAvgM),
            ("fedadagrad", Algorithm.FedAdagrad), ("fedyogi", Algorithm.FedYogi), ("fedadam", Algorithm.FedAdam),
            ("local", Algorithm.Local), ("centralized", Algorithm.Centralized)]), "fedavg", e => e.Federation.Algorithm),
        new("federation.convention", Choice(("openfedllm", Convention.OpenFedLlm), ("reddi", Convention.Reddi), ("flower", Convention.Flower)), "openfedllm",
            e => e.Federation.Convention),

        // Their defaults depend on algorithm and convention; see AlgorithmConstants.
        new("federation.prox_mu", new OptionalType(new NumberType(Bounds.AtLeast(0))), null, e => e.Federation.ProximalMu),
        new("federation.server_learning_rate", new OptionalType(new NumberType(Bounds.Above(0))), null, e => e.Federation.ServerLearningRate),
        new("federation.server_momentum", new OptionalType(Decay), null, e => e.Federation.ServerMomentum),
        new("federation.tau", new OptionalType(new NumberType(Bounds.Above(0))), null, e => e.Federation.Tau),
        new("federation.beta1", new OptionalType(Decay), null, e => e.Federation.Beta1),
        new("federation.beta2", new OptionalType(Decay), null, e => e.Federation.Beta2),
        new("federation.lora_aggregation", Choice(("average", LoraAggregation.Average), ("ffa", LoraAggregation.Ffa), ("rolora", LoraAggregation.RoLora),
            ("flora", LoraAggregation.Flora), ("flexlora", LoraAggregation.FlexLora), ("hetlora", LoraAggregation.HetLora), ("fedex", LoraAggregation.FedEx),
            ("fedsa", LoraAggregation.FedSa)), "average", e => e.Federation.LoraAggregation),
    ];

    private static IEnumerable<Key> Training() =>
    [
        new("dpo.beta", new NumberType(Bounds.Above(0)), "0.1", e => e.Dpo.Beta),
        new("dpo.loss", Choice(("sigmoid", PreferenceLoss.Sigmoid), ("ipo", PreferenceLoss.Ipo), ("hinge", PreferenceLoss.Hinge)), "sigmoid", e => e.Dpo.Loss),
        new("dpo.label_smoothing", new NumberType(new Bounds(0, true, 0.5, false)), "0", e => e.Dpo.LabelSmoothing),
        new("dpo.length_normalized", new SwitchType(), "false", e => e.Dpo.LengthNormalized),

        // An adapter's path does not count, but its content does, beside the kind of reference.
        new("dpo.reference", new ReferenceType(), "base", e => e.Dpo.Reference) { Identity = e => ReferenceType.Name(e.Dpo.Reference) },
        new("dpo.max_prompt_length", new IntegerType(1), "128", e => (long)e.Dpo.MaxPromptLength),
        new("training.batch_size", new IntegerType(1, 1 << 20), "16", e => (long)e.Training.BatchSize),
        new("training.gradient_accumulation", new IntegerType(1, 1 << 20), "1", e => (long)e.Training.GradientAccumulation),
        new("training.accumulation", Choice(("micro-batch-mean", Accumulation.MicroBatchMean), ("token-mean", Accumulation.TokenMean)), "micro-batch-mean",
            e => e.Training.Accumulation),
        new("training.max_steps", new OptionalType(new IntegerType(1)), null, e => Long(e.Training.MaxSteps)),
        new("training.epochs", new OptionalType(new NumberType(new Bounds(0, false, 10_000, true))), "none", e => e.Training.Epochs),
        new("training.learning_rate", new NumberType(Bounds.Above(0)), "2e-5", e => e.Training.LearningRate),
        new("training.schedule", Choice(("constant", LearningRateSchedule.Constant), ("cosine-by-round", LearningRateSchedule.CosineByRound),
            ("linear-by-round", LearningRateSchedule.LinearByRound), ("cosine-by-step", LearningRateSchedule.CosineByStep),
            ("linear-by-step", LearningRateSchedule.LinearByStep)), "cosine-by-round", e => e.Training.Schedule),
        new("training.warmup", new IntegerType(0), "0", e => (long)e.Training.Warmup),
        new("training.min_learning_rate", new NumberType(Bounds.AtLeast(0)), null, e => e.Training.MinLearningRate),
        new("training.optimizer", Choice(("adamw", OptimizerKind.AdamW), ("sgd", OptimizerKind.Sgd)), "adamw", e => e.Training.Optimizer),
        new("training.momentum", new OptionalType(new NumberType(new Bounds(0, true, 1, false))), null, e => e.Training.Momentum),
        new("training.weight_decay", new NumberType(Bounds.AtLeast(0)), "0", e => e.Training.WeightDecay),
        new("training.max_grad_norm", new OptionalType(new NumberType(Bounds.Above(0))), "1", e => e.Training.MaxGradNorm),
        new("training.gradient_checkpointing", new SwitchType(), "false", e => e.Training.GradientCheckpointing, KeyRole.Harmless),
        new("training.threads", new OptionalType(new IntegerType(1, 4096), "auto"), "auto", e => Long(e.Training.Threads), KeyRole.Harmless),
        new("training.lanes", new OptionalType(new IntegerType(1, 1 << 20), "auto"), "auto", e => Long(e.Training.Lanes), KeyRole.Harmless),
        new("training.lane_memory_mb", new OptionalType(new IntegerType(1), "auto"), "auto", e => Long(e.Training.LaneMemory), KeyRole.Harmless),
    ];

    private static IEnumerable<Key> Bookkeeping() =>
    [
        new("evaluation.every", new IntegerType(1), "10", e => (long)e.Evaluation.Every, KeyRole.Harmless),
        new("evaluation.data", new OptionalType(new PathType()), "none", e => e.Evaluation.Data, KeyRole.Harmless),
        new("evaluation.suites", new NameListType<EvaluationSuite>([("loss", EvaluationSuite.Loss), ("preference", EvaluationSuite.Preference)], null,
            "choice", "classify", "gsm8k", "math", "rouge", "advbench", "mt-bench"), null, e => e.Evaluation.Suites, KeyRole.Harmless),
        new("evaluation.personal", Choice(("none", PersonalEvaluation.None), ("members", PersonalEvaluation.Members), ("all", PersonalEvaluation.All)), "none",
            e => e.Evaluation.Personal, KeyRole.Harmless),
        new("checkpoint.every", new IntegerType(1), "1", e => (long)e.Checkpoint.Every, KeyRole.Harmless),
        new("checkpoint.keep", new IntegerType(1), "3", e => (long)e.Checkpoint.Keep, KeyRole.Harmless),
        new("checkpoint.keep_updates", new SwitchType(), "false", e => e.Checkpoint.KeepUpdates, KeyRole.Harmless),
    ];

    private static ChoiceType<T> Choice<T>(params (string Name, T Value)[] built)
        where T : notnull => new(built);

    private static ChoiceType<T> Choice<T>((string Name, T Value)[] built, params string[] planned)
        where T : notnull => new(built, planned);

    private static object? Long(int? value) => value is null ? null : (long)value;
}
