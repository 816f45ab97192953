using System.Text;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Algorithms;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class ExperimentFileTests
{
    private const string Minimal = "model: {path: base}\ndata: {path: train.jsonl}\n";

    private const string DesignExample = """
        name: dolly-fedavg
        preset: openfedllm-sft          # the design's example, its unbuilt values left out
        seed: 2023
        task: sft
        model: {path: DIR, dtype: float32, device: auto}
        lora: {rank: 8, alpha: 16, dropout: 0.05, targets: [q_proj, v_proj]}
        data:
          path: PATH
          pattern: "local_*.json.gz"
          format: auto
          template: alpaca
          max_length: 512
          overlong: exclude
          partition: {scheme: iid, clients: 20}
        federation:
          {rounds: 200, clients_per_round: 2, algorithm: fedavg, convention: openfedllm, lora_aggregation: average,
           sampling: uniform, quorum: 1.0, deadline: none, max_abandoned: 3}
        dpo: {beta: 0.1, loss: sigmoid, reference: base, max_prompt_length: 128}
        training:
          {batch_size: 16, gradient_accumulation: 1, accumulation: micro-batch-mean, max_steps: 10, learning_rate: 5.0e-5,
           schedule: cosine-by-round, min_learning_rate: 1.0e-6, optimizer: adamw, weight_decay: 0.0, max_grad_norm: 1.0,
           threads: auto, lanes: auto}
        evaluation: {every: 10, data: PATH, suites: [loss]}
        checkpoint: {every: 1, keep: 3}
        """;

    [Fact]
    public void Parse_DesignExample_HasEveryValue()
    {
        Experiment e = Parse(DesignExample);

        Assert.Equal(("dolly-fedavg", Preset.OpenFedLlmSft, 2023L, TaskKind.Sft), (e.Name, e.Preset, e.Seed, e.Task));
        Assert.Equal(new ModelOptions("/exp/DIR", WeightType.Float32, DeviceKind.Auto), e.Model);
        Assert.Equal(new LoraOptions(8, 16, 0.05, new LoraTargetOptions([LinearKind.Query, LinearKind.Value])), e.Lora);
        Assert.Equal(
            new DataOptions
            {
                Path = "/exp/PATH",
                Pattern = "local_*.json.gz",
                Limit = 20000,
                Template = PromptTemplate.Alpaca,
                MaxLength = 512,
                Overlong = OverlongPolicy.Exclude,
                Scored = ScoredTokens.Response,
                Turns = TrainedTurns.Every,
                Partition = new PartitionOptions(PartitionScheme.Iid, 20),
            },
            e.Data);
        Assert.Equal(
            new FederationOptions
            {
                Rounds = 200,
                ClientsPerRound = 2,
                Algorithm = Algorithm.FedAvg,
                Convention = Convention.OpenFedLlm,
                LoraAggregation = LoraAggregation.Average,
                Sampling = CohortSampling.Uniform,
                Quorum = 1,
                MaxAbandoned = 3,
            },
            e.Federation);
        Assert.Equal(
            new DpoOptions
            {
                Beta = 0.1,
                Loss = PreferenceLoss.Sigmoid,
                LabelSmoothing = 0,
                LengthNormalized = false,
                Reference = new DpoReference(ReferencePolicy.Base),
                MaxPromptLength = 128,
            },
            e.Dpo);
        Assert.Equal(
            new TrainingOptions
            {
                BatchSize = 16,
                GradientAccumulation = 1,
                Accumulation = Accumulation.MicroBatchMean,
                MaxSteps = 10,
                LearningRate = 5e-5,
                Schedule = LearningRateSchedule.CosineByRound,
                Warmup = 0,
                MinLearningRate = 1e-6,
                Optimizer = OptimizerKind.AdamW,
                WeightDecay = 0,
                MaxGradNorm = 1,
                GradientCheckpointing = false,
            },
            e.Training);
        Assert.Equal(new EvaluationOptions(10, "/exp/PATH", [EvaluationSuite.Loss]), e.Evaluation);
        Assert.Equal(new CheckpointOptions(1, 3, false), e.Checkpoint);
    }

    [Fact]
    public void Parse_MinimalFile_TakesOpenFedLlmsDefaults()
    {
        Experiment e = Parse(Minimal);

        // OpenFedLLM's config.py: fed_alg, num_rounds, num_clients, sample_clients, learning_rate, batch, max_steps, seq_length, lora r and alpha.
        Assert.Equal("test", e.Name);
        Assert.Null(e.Preset);
        Assert.Equal((500, 2, 2), (e.Federation.Rounds, e.Data.Partition.Clients, e.Federation.ClientsPerRound));
        Assert.Equal((2e-5, 16, 1, 10), (e.Training.LearningRate, e.Training.BatchSize, e.Training.GradientAccumulation, e.Training.MaxSteps));
        Assert.Equal((512, 8, 16.0, 0.05), (e.Data.MaxLength, e.Lora.Rank, e.Lora.Alpha, e.Lora.Dropout));
        Assert.Equal(2023, e.Seed);
    }

    [Fact]
    public void Parse_PresetOpenFedLlmSft_TakesTheScriptsValuesWhereTheFileIsSilent()
    {
        Experiment e = Parse("preset: openfedllm-sft\nlora: {rank: 4}\n" + Minimal);

        Assert.Equal((200, 20, 2), (e.Federation.Rounds, e.Data.Partition.Clients, e.Federation.ClientsPerRound));
        Assert.Equal((5e-5, 1e-6), (e.Training.LearningRate, e.Training.MinLearningRate));
        Assert.Equal((4, 64.0), (e.Lora.Rank, e.Lora.Alpha));
        Assert.Equal(CohortSampling.OpenFedLlm, e.Federation.Sampling);
    }

    [Fact]
    public void Parse_PresetWithSchemeFiles_DoesNotTakeThePresetsNumberOfClients() =>
        Assert.Null(Parse("preset: openfedllm-sft\nmodel: {path: base}\ndata: {path: shards, partition: {scheme: files}}\n").Data.Partition.Clients);

    [Fact]
    public void Parse_Partition_HasTheSchemesDefaults()
    {
        Assert.Equal(
            new PartitionOptions(PartitionScheme.Dirichlet, 9) { Field = "category", Alpha = 0.5, Cap = true, MinSize = 1 }, Partition("{scheme: dirichlet, clients: 9}"));
        Assert.Equal(
            new PartitionOptions(PartitionScheme.Dirichlet, 2) { Field = "topic", Alpha = 2, Cap = false, MinSize = 40, TestPerLabel = 10 },
            Partition("{scheme: dirichlet, alpha: 2, cap: false, min_size: 40, field: topic, test_per_label: 10}"));
        Assert.Equal(new PartitionOptions(PartitionScheme.Shards, 4) { Field = "category", ShardsPerClient = 2 }, Partition("{scheme: shards, clients: 4}"));
        Assert.Equal(new PartitionOptions(PartitionScheme.ByField, null) { Field = "language" }, Partition("{scheme: by-field, field: language}"));
        Assert.Equal(new PartitionOptions(PartitionScheme.Quantity, 8) { Sigma = 1, MinSize = 1 }, Partition("{scheme: quantity, clients: 8}"));
        Assert.Equal(new PartitionOptions(PartitionScheme.Iid, 2) { Field = "category", TestPerLabel = 5, Registered = 100 }, Partition("{test_per_label: 5, registered: 100}"));

        static PartitionOptions Partition(string yaml) => Parse($"model: {{path: base}}\ndata: {{path: x, partition: {yaml}}}").Data.Partition;
    }

    [Fact]
    public void Parse_PresetShepherd_WorksAsItIs()
    {
        Experiment e = Parse("preset: shepherd\nmodel: {path: base}\ndata: {path: shards}\n");

        Assert.Equal((16, 16.0, 8, 8), (e.Lora.Rank, e.Lora.Alpha, e.Training.BatchSize, e.Training.GradientAccumulation));
        Assert.Equal([LinearKind.Query], e.Lora.Targets.Names);
        Assert.Equal((ScoredTokens.All, LearningRateSchedule.LinearByStep, 0.0), (e.Data.Scored, e.Training.Schedule, e.Training.MinLearningRate));
        Assert.Equal(new PartitionOptions(PartitionScheme.Files, null), e.Data.Partition);

        // Ten passes over a shard of 1,000: ceil(1000 / 8) = 125 micro-batches, ceil(125 / 8) = 16 steps each. A tenth of the clients, one at least.
        Assert.Equal(((int?)null, 10.0, 160), (e.Training.MaxSteps, e.Training.Epochs, e.Training.Steps(1000)));
        Assert.Equal((CohortSampling.FedIt, (int?)null, 0.1), (e.Federation.Sampling, e.Federation.ClientsPerRound, e.Federation.Fraction));
        Assert.Equal((1, 1, 8), (e.Federation.CohortOf(10), e.Federation.CohortOf(4), e.Federation.CohortOf(80)));
    }

    [Fact]
    public void Parse_ManyErrors_ListsThemAllByLine() => Assert.Equal(
        [
            "test.yaml:1: sede: unknown key; the nearest known one is seed",
            "test.yaml:2: task: must be sft or dpo",
            "test.yaml:4: lora.rank: must be an integer from 1 to 65536",
            "test.yaml:5: lora.alpah: unknown key; the nearest known one is lora.alpha",
            "test.yaml:6: lora.dropout: must be a number at least 0 and below 1",
            "test.yaml:7: lora.rank: is given twice, first in line 4; keep one",
            "test.yaml:8: lora.targets: must be a list of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj (or all-linear)",
            "test.yaml:9: rank: unknown key; the nearest known one is lora.rank",
            "test.yaml:10: data: is a section; give it keys, such as data.path",
            "test.yaml:12: federation.quorum: must be a number above 0 and at most 1",
            "test.yaml:13: federation.clients_per_round: federation.clients_per_round is 9, but data.partition.clients is 2; sample at most all of them",
            "test.yaml: model.path: is required; name a model directory",
            "test.yaml: data.path: is required; name a file, a folder or a glob",
        ],
        Errors("""
            sede: 1
            task: ppo
            lora:
              rank: 0
              alpah: 3
              dropout: 1.0
              rank: 8
              targets: [q_proj, w_proj]
            rank: 8
            data: 17
            federation:
              quorum: 0
              clients_per_round: 9
            """));

    [Theory]
    [InlineData("federation: {deadline: -1}", "federation.deadline", "above 0, or none")]
    [InlineData("federation: {rounds: \"5\"}", "federation.rounds", "without quotes")]
    [InlineData("federation: {rounds: 3.5}", "federation.rounds", "integer of at least 1")]
    [InlineData("federation: {rounds: 99999999999}", "federation.rounds", "integer of at least 1")]
    [InlineData("federation: {rounds: [1]}", "federation.rounds", "integer of at least 1")]
    [InlineData("federation: {rounds: }", "federation.rounds", "integer of at least 1")]
    [InlineData("federation: {quorum: .nan}", "federation.quorum", "must be a number")]
    [InlineData("federation: {quorum: NaN}", "federation.quorum", "must be a number")]
    [InlineData("training: {learning_rate: 1e400}", "training.learning_rate", "must be a number above 0")]
    [InlineData("training: {learning_rate: 1e-7}", "training.min_learning_rate", "above training.learning_rate")]
    [InlineData("training: {epochs: 0}", "training.epochs", "above 0 and at most 10000, or none")]
    [InlineData("training: {epochs: 2, max_steps: 3}", "training.epochs", "keep one of them")]
    [InlineData("training: {max_steps: none}", "training.max_steps", "none is for training.epochs")]
    [InlineData("lora: {targets: []}", "lora.targets", "must be a list of")]
    [InlineData("lora: {targets: [q_proj, q_proj]}", "lora.targets", "q_proj twice")]
    [InlineData("evaluation: {suites: [loss, gsm8k]}", "evaluation.suites", "'gsm8k' is not built yet")]
    [InlineData("checkpoint: {keep_updates: yes}", "checkpoint.keep_updates", "must be true or false")]
    [InlineData("name: ../escape", "name", "letters, digits")]
    [InlineData("preset: openfedlm", "preset", "must be openfedllm-sft, openfedllm-dpo or shepherd, or none")]
    public void Parse_BadValue_NamesKeyAndWhatIsAllowed(string line, string path, string message)
    {
        ExperimentFileError error = Assert.Single(Failure(Minimal + line).Errors);

        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("partition: {scheme: random}", "data.partition.scheme", "must be iid, files, dirichlet, shards, by-field or quantity")]
    [InlineData("partition: {alpha: 0.5}", "data.partition.alpha", "belongs to dirichlet")]
    [InlineData("partition: {scheme: dirichlet, shards_per_client: 3}", "data.partition.shards_per_client", "belongs to shards")]
    [InlineData("partition: {scheme: shards, field: none}", "data.partition.field", "is needed by the scheme")]
    [InlineData("partition: {clients: auto}", "data.partition.clients", "auto is for the schemes files and by-field")]
    [InlineData("partition: {clients: 1}", "data.partition.clients", "clients_per_round is 2")]
    [InlineData("evaluation: 1.5", "data.evaluation", "below 1")]
    [InlineData("pattern: sub/x*.json", "data.pattern", "without '/'")]
    [InlineData("overlong: truncate", "data.overlong", "must be exclude or trim-prompt")]
    public void Parse_BadDataValue_NamesKeyAndWhatIsAllowed(string entry, string path, string message)
    {
        ExperimentFileError error = Assert.Single(Failure($"model: {{path: base}}\ndata: {{path: x, {entry}}}").Errors);

        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a: &x 1\nb: *x", "anchor")]
    [InlineData("b: *x", "alias")]
    [InlineData("seed: !!int 5", "tag")]
    [InlineData("seed: !evil 5", "tag")]
    [InlineData("seed: 1\n---\nseed: 2", "second document")]
    [InlineData("", "is empty")]
    [InlineData("# only a comment\n", "is empty")]
    [InlineData("- 1\n- 2", "must hold keys")]
    [InlineData("? [a, b]\n: 1", "not a plain name")]
    [InlineData("seed: [1, 2", "not valid YAML")]
    [InlineData("a: {{{{{{{{{{{{{{{{{{{{1: 2}}}}}}}}}}}}}}}}}}}}", "")]
    [InlineData("a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "levels deep")]
    public void Parse_YamlThatIsRefused_IsATypedError(string yaml, string message) =>
        Assert.Contains(message, Failure(yaml).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_SecretLookingContent_IsNotRepeated()
    {
        ExperimentFileException failure = Failure("{\"instruction\": \"a secret\", \"a long secret, with commas\": \"more secrets\", seed: secret}");

        Assert.DoesNotContain("secret", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_Oversized_IsRefused() =>
        Assert.Contains("at most 1048576", Failure("# " + new string('x', 1 << 20)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_InvalidUtf8_IsRefused() =>
        Assert.Contains("UTF-8", Assert.Throws<ExperimentFileException>(() => ExperimentFile.Parse([0x61, 0xff], "t", "/")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("learning_rat", "training", "training.learning_rate")]
    [InlineData("Learning-Rate", "training", "training.learning_rate")]
    [InlineData("batchsize", "training", "training.batch_size")]
    [InlineData("clients_pre_round", "federation", "federation.clients_per_round")]
    [InlineData("max_length", "training", "data.max_length")]
    [InlineData("trainig", "", "training")]
    public void Find_MisspelledName_GivesTheNearestKey(string name, string section, string expected) =>
        Assert.Equal(expected, NearestName.Find(name, section, Schema.Keys.Select(k => k.Path).Concat(Schema.Sections)));

    [Theory]
    [InlineData("", "abc", 3)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("sede", "seed", 1)]
    [InlineData("same", "same", 0)]
    public void Distance_KnownPairs_CountsEdits(string a, string b, int expected) => Assert.Equal(expected, NearestName.Distance(a, b));

    private static Experiment Parse(string yaml) => ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml), "test.yaml", "/exp");

    private static ExperimentFileException Failure(string yaml) => Assert.Throws<ExperimentFileException>(() => Parse(yaml));

    private static string[] Errors(string yaml) => [.. Failure(yaml).Errors.Select(e => e.ToString())];
}
