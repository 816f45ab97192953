using System.Text;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>
/// Which keys may change while a run is under way, key by key: a key that is missing here must be thought about before it is added. What decides is whether two
/// values can give two adapters; where it is doubtful, the key counts.
/// </summary>
public sealed class KeyRoleTests
{
    private static readonly ExperimentInputs Inputs = new("m", "d", "n");

    /// <summary>Keys whose change is another experiment: the key, another value than the default, and what else that needs in both experiments.</summary>
    private static readonly (string Key, string Value, string[] Needs)[] Result =
    [
        ("seed", "1", []),
        ("task", "dpo", []),
        ("model.dtype", "bfloat16", []),
        ("lora.rank", "9", []),
        ("lora.alpha", "9", []),
        ("lora.dropout", "0", []),
        ("lora.targets", "q_proj", []),
        ("lora.rank_pattern", "{q_proj: 4}", []),
        ("lora.alpha_pattern", "{q_proj: 4}", []),
        ("lora.rank_by_client", "{0: 4}", ["federation.lora_aggregation=flora"]),
        ("lora.rslora", "true", []),
        ("data.pattern", "x", []),
        ("data.format", "dolly", []),
        ("data.limit", "7", []),
        ("data.sources", "[{path: a.json}, {path: b.json, limit: 3}]", ["data.path=none", "data.sources=[{path: a.json}, {path: b.json}]"]),
        ("data.template", "vicuna", []),
        ("data.max_length", "99", ["dpo.max_prompt_length=9"]),
        ("data.overlong", "trim-prompt", []),
        ("data.scored", "all", []),
        ("data.turns", "last", []),
        ("data.evaluation", "0.25", []),
        ("data.partition.scheme", "quantity", []),
        ("data.partition.clients", "3", []),
        ("data.partition.field", "topic", ["data.partition.scheme=dirichlet"]),
        ("data.partition.alpha", "2", ["data.partition.scheme=dirichlet"]),
        ("data.partition.cap", "false", ["data.partition.scheme=dirichlet"]),
        ("data.partition.sigma", "2", ["data.partition.scheme=quantity"]),
        ("data.partition.min_size", "2", ["data.partition.scheme=quantity"]),
        ("data.partition.shards_per_client", "3", ["data.partition.scheme=shards"]),
        ("data.partition.test_per_label", "5", ["data.partition.scheme=dirichlet"]),
        ("data.partition.by_source", "true", ["data.path=none", "data.sources=[{path: a.json}, {path: b.json}]", "data.partition.scheme=files"]),
        ("data.partition.registered", "9", []),
        ("federation.rounds", "400", []),
        ("federation.algorithm", "fedprox", []),
        ("federation.convention", "flower", []),
        ("federation.prox_mu", "0.5", ["federation.algorithm=fedprox"]),
        ("federation.server_learning_rate", "0.5", ["federation.algorithm=fedadam"]),
        ("federation.server_momentum", "0.5", ["federation.algorithm=fedavgm"]),
        ("federation.tau", "0.5", ["federation.algorithm=fedadam"]),
        ("federation.beta1", "0.5", ["federation.algorithm=fedadam"]),
        ("federation.beta2", "0.5", ["federation.algorithm=fedadam"]),
        ("federation.lora_aggregation", "ffa", []),
        ("federation.clients_per_round", "1", []),
        ("federation.fraction", "0.5", ["federation.sampling=fixed-fraction"]),
        ("federation.sampling", "openfedllm", []),
        ("federation.client", "1", ["federation.algorithm=local"]),
        ("federation.pooling", "equal-samples", ["federation.algorithm=centralized"]),
        ("federation.over_selection", "0.5", ["simulation.drop_out=0.1"]),
        ("federation.quorum", "0.5", []),
        ("federation.deadline", "5", ["simulation.drop_out=0.1"]),
        ("federation.max_abandoned", "1", []),
        ("federation.budget_mb", "5", []),
        ("simulation.availability", "0.5", ["simulation.drop_out=0.1"]),
        ("simulation.drop_out", "0.5", ["simulation.availability=0.5"]),
        ("simulation.median_seconds", "2", ["simulation.availability=0.5"]),
        ("simulation.client_spread", "2", ["simulation.availability=0.5"]),
        ("simulation.round_spread", "2", ["simulation.availability=0.5"]),
        ("model.quantization", "nf4", []),
        ("dpo.beta", "0.2", []),
        ("dpo.loss", "ipo", []),
        ("dpo.label_smoothing", "0.1", []),
        ("dpo.length_normalized", "true", []),
        ("dpo.reference", "round", []),
        ("dpo.max_prompt_length", "1", []),
        ("training.batch_size", "3", []),
        ("training.gradient_accumulation", "2", []),
        ("training.accumulation", "token-mean", []),
        ("training.max_steps", "3", []),
        ("training.epochs", "3", ["training.epochs=2"]),
        ("training.learning_rate", "1", []),
        ("training.schedule", "constant", []),
        ("training.warmup", "1", []),
        ("training.min_learning_rate", "0", []),
        ("training.optimizer", "sgd", []),
        ("training.momentum", "0.5", ["training.optimizer=sgd"]),
        ("training.weight_decay", "1", []),
        ("training.max_grad_norm", "none", []),
    ];

    /// <summary>Keys that never change a result: names, how it is computed, what is measured, what is kept.</summary>
    private static readonly (string Key, string Value)[] Harmless =
    [
        ("name", "x"),
        ("preset", "openfedllm-sft"),
        ("model.device", "cpu"),
        ("training.gradient_checkpointing", "true"),
        ("training.threads", "1"),
        ("training.lanes", "7"),
        ("training.lane_memory_mb", "64"),
        ("federation.wall_deadline", "30"),
        ("evaluation.every", "2"),
        ("evaluation.data", "x.json"),
        ("checkpoint.every", "5"),
        ("checkpoint.keep", "9"),
        ("checkpoint.keep_updates", "true"),
    ];

    /// <summary>Harmless too, but one has a single value with each task, and the others need a key that counts (PersonalOptionsTests and PlacementOptionsTests change them).</summary>
    private static readonly string[] Fixed = ["evaluation.suites", "evaluation.personal", "data.placement", "data.show_labels", "data.show_samples"];

    /// <summary>Paths, of which the content counts: its hash is part of the identity by itself.</summary>
    private static readonly string[] Content = ["model.path", "data.path"];

    [Fact]
    public void EveryKey_IsInOneOfTheLists()
    {
        Assert.Equal(Schema.Keys.Select(k => k.Path).Order(), Result.Select(k => k.Key).Concat(Harmless.Select(k => k.Key)).Concat(Content).Concat(Fixed).Order());
        Assert.All(Fixed, key => Assert.Equal(KeyRole.Harmless, Schema.Find(key)!.Role));
    }

    [Fact]
    public void Hash_ResultKeyChanged_IsAnotherExperimentThatNamesTheKey() => Assert.All(Result, change =>
    {
        Experiment before = Parse(change.Needs);
        Experiment after = Parse([.. change.Needs, $"{change.Key}={change.Value}"]);
        Assert.NotEqual(ExperimentIdentity.Hash(before, Inputs), ExperimentIdentity.Hash(after, Inputs));
        Assert.Contains(change.Key, ExperimentIdentity.Differences(before, Inputs, after, Inputs));
    });

    [Fact]
    public void Hash_HarmlessKeyChanged_IsTheSameExperimentAndNamesTheKey() => Assert.All(Harmless, change =>
    {
        // What a preset fills in is what counts, not its name.
        string[] filled = change.Key == "preset" ? [.. Presets.Values(Preset.OpenFedLlmSft).Select(v => $"{v.Key}={v.Value}")] : [];
        Experiment before = Parse(filled);
        Experiment after = Parse([.. filled, $"{change.Key}={change.Value}"]);
        Assert.Equal(ExperimentIdentity.Hash(before, Inputs), ExperimentIdentity.Hash(after, Inputs));
        Assert.Empty(ExperimentIdentity.Differences(before, Inputs, after, Inputs));
        Assert.Equal([change.Key], ExperimentIdentity.HarmlessDifferences(before, after));
    });

    [Fact]
    public void Hash_PathMoved_IsTheSameExperiment() => Assert.All(Content, path =>
        Assert.Equal(ExperimentIdentity.Hash(Parse([]), Inputs), ExperimentIdentity.Hash(Parse([$"{path}=moved"]), Inputs)));

    private static Experiment Parse(string[] overrides) =>
        ExperimentFile.Parse(Encoding.UTF8.GetBytes("model: {path: base}\ndata: {path: train.jsonl}"), "test.yaml", "/exp", overrides, "/exp");
}
