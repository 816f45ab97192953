using System.Text;
using FedLLM.Data.Templates;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>The keys of preference learning, of optimizers and schedules, and of LoRA's patterns.</summary>
public sealed class PreferenceOptionsTests
{
    private const string Minimal = "model: {path: base}\ndata: {path: train.jsonl}\n";
    private static readonly ExperimentInputs Inputs = new("m", "d", "n");

    [Fact]
    public void Parse_TaskDpo_HasItsOwnDefaults()
    {
        Experiment e = Parse("task: dpo\n");
        Assert.Equal((TaskKind.Dpo, 1e-5), (e.Task, e.Training.MinLearningRate));
        Assert.Equal([EvaluationSuite.Preference], e.Evaluation.Suites);
        Assert.Equal(new DpoReference(ReferencePolicy.Base), e.Dpo.Reference);
        Assert.Equal((1e-6, EvaluationSuite.Loss), (Parse("").Training.MinLearningRate, Parse("").Evaluation.Suites[0]));
    }

    [Fact]
    public void Parse_PresetOpenFedLlmDpo_TakesTheScriptsValues()
    {
        Experiment e = Parse("preset: openfedllm-dpo\n");
        Assert.Equal((TaskKind.Dpo, 200, 5, 2), (e.Task, e.Federation.Rounds, e.Data.Partition.Clients, e.Federation.ClientsPerRound));
        Assert.Equal((5e-4, 1e-5, PromptTemplate.Vicuna), (e.Training.LearningRate, e.Training.MinLearningRate, e.Data.Template));
        Assert.Equal((512, 128, 0.1, PreferenceLoss.Sigmoid), (e.Data.MaxLength, e.Dpo.MaxPromptLength, e.Dpo.Beta, e.Dpo.Loss));
        Assert.Equal((8, 16.0, 16, 10), (e.Lora.Rank, e.Lora.Alpha, e.Training.BatchSize, e.Training.MaxSteps));
    }

    [Fact]
    public void Parse_EveryValue_LandsInTheOptions()
    {
        Experiment e = Parse("""
            task: dpo
            dpo: {beta: 0.3, loss: sigmoid, label_smoothing: 0.1, length_normalized: true, reference: round, max_prompt_length: 64}
            training: {optimizer: sgd, momentum: 0.9, schedule: linear-by-step, warmup: 3, accumulation: token-mean, gradient_checkpointing: true, lane_memory_mb: 512}
            lora: {targets: '.*\.(q|v)_proj', rank_pattern: {q_proj: 4, 'layers\.0\..*': 16}, alpha_pattern: {v_proj: 0.5}, rslora: true}
            """);
        Assert.Equal((0.3, 0.1, true, 64), (e.Dpo.Beta, e.Dpo.LabelSmoothing, e.Dpo.LengthNormalized, e.Dpo.MaxPromptLength));
        Assert.Equal(new DpoReference(ReferencePolicy.Round), e.Dpo.Reference);
        Assert.Equal((OptimizerKind.Sgd, 0.9, LearningRateSchedule.LinearByStep, 3), (e.Training.Optimizer, e.Training.Momentum, e.Training.Schedule, e.Training.Warmup));
        Assert.Equal((Accumulation.TokenMean, true, 512), (e.Training.Accumulation, e.Training.GradientCheckpointing, e.Training.LaneMemory));
        Assert.Equal(new LoraTargetOptions([], @".*\.(q|v)_proj"), e.Lora.Targets);
        Assert.Equal([new("q_proj", 4), new(@"layers\.0\..*", 16)], e.Lora.RankPattern);
        Assert.Equal([new("v_proj", 0.5)], e.Lora.AlphaPattern);
        Assert.True(e.Lora.RankStabilized);
    }

    [Fact]
    public void Write_EveryValue_ReadsBackEqual()
    {
        Experiment first = Parse(
            """
            task: dpo
            dpo: {reference: ../sft/adapter, loss: hinge}
            lora: {targets: '.*\.(q|v)_proj', rank_pattern: {q_proj: 4, 'layers\.[0-1]\..*"': 16}, alpha_pattern: {v_proj: 0.5}, rslora: true}
            model: {dtype: bfloat16, path: base}
            data: {path: x, turns: every, evaluation: 0.125}
            """,
            "");
        Assert.Equal("/sft/adapter", first.Dpo.Reference.AdapterPath);
        Experiment second = ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(first)), "other.yaml", "/elsewhere");
        Assert.Equal(first, second);
        Assert.Equal(first.GetHashCode(), second.GetHashCode());
        Assert.NotEqual(first, Parse("task: dpo\nlora: {targets: '.*q_proj'}\n"));
    }

    [Theory]
    [InlineData("lora.targets=[q_proj]", 1, null)]
    [InlineData("lora.targets=q_proj,v_proj", 2, null)]
    [InlineData(@"lora.targets=.*\.q_proj", 0, @".*\.q_proj")]
    public void Parse_TargetsByOverride_AreAListOrAnExpression(string text, int names, string? pattern)
    {
        LoraTargetOptions targets = ExperimentFile.Parse(Encoding.UTF8.GetBytes(Minimal), "test.yaml", "/exp", [text], "/cwd").Lora.Targets;
        Assert.Equal((names, pattern), (targets.Names.Count, targets.Pattern));
    }

    [Fact]
    public void Parse_PatternsByOverride_AreMaps()
    {
        Experiment e = ExperimentFile.Parse(Encoding.UTF8.GetBytes(Minimal), "test.yaml", "/exp", ["lora.rank_pattern={q_proj: 4, 'a.*': 2}"], "/cwd");
        Assert.Equal([new("q_proj", 4), new("a.*", 2)], e.Lora.RankPattern);
    }

    [Theory]
    [InlineData("task: dpo\nevaluation: {suites: [loss]}", "evaluation.suites", "task dpo has pairs")]
    [InlineData("task: dpo\nevaluation: {suites: [loss, preference]}", "evaluation.suites", "task dpo has pairs")]
    [InlineData("evaluation: {suites: [preference]}", "evaluation.suites", "task sft has none")]
    [InlineData("task: dpo\ndpo: {label_smoothing: 0.5}", "dpo.label_smoothing", "below 0.5")]
    [InlineData("task: dpo\ndpo: {loss: ipo, label_smoothing: 0.1}", "dpo.label_smoothing", "belongs to dpo.loss sigmoid")]
    [InlineData("task: dpo\ndpo: {max_prompt_length: 512}", "dpo.max_prompt_length", "below data.max_length")]
    [InlineData("task: dpo\ndpo: {reference: [a]}", "dpo.reference", "must be base, round or the path")]
    [InlineData("task: dpo\ndpo: {loss: kto}", "dpo.loss", "must be sigmoid, ipo or hinge")]
    [InlineData("training: {momentum: 0.9}", "training.momentum", "belongs to training.optimizer sgd")]
    [InlineData("training: {optimizer: sgd, momentum: none}", "training.momentum", "must be a number")]
    [InlineData("training: {optimizer: sgd, momentum: 1}", "training.momentum", "below 1")]
    [InlineData("training: {schedule: constant, warmup: 2}", "training.warmup", "write 0 with constant")]
    [InlineData("training: {warmup: 500}", "training.warmup", "must be below federation.rounds")]
    [InlineData("training: {schedule: cosine-by-step, warmup: 10}", "training.warmup", "must be below training.max_steps")]
    [InlineData("training: {schedule: linear-by-step, learning_rate: 1e-7}", "training.min_learning_rate", "above training.learning_rate")]
    [InlineData("lora: {targets: q_proj}", "lora.targets", "must be a list, such as [q_proj]")]
    [InlineData("lora: {targets: '(q_proj'}", "lora.targets", "not a regular expression")]
    [InlineData("lora: {rank_pattern: [4]}", "lora.rank_pattern", "must be a map")]
    [InlineData("lora: {rank_pattern: {q_proj: 0}}", "lora.rank_pattern", "integer from 1 to 65536")]
    [InlineData("lora: {rank_pattern: {'*': 1}}", "lora.rank_pattern", "not a regular expression")]
    [InlineData("lora: {alpha_pattern: {q_proj: 1, q_proj: 2}}", "lora.alpha_pattern", "has a key twice")]
    [InlineData("model: {path: base, dtype: float16}", "model.dtype", "'float16' is not built yet")]
    public void Parse_WhatDoesNotFit_NamesKeyAndReason(string yaml, string path, string message) =>
        AssertError(yaml.StartsWith("model", StringComparison.Ordinal) ? yaml + "\ndata: {path: x}" : yaml + "\n" + Minimal, path, message);

    [Theory]
    [InlineData("task: dpo", "format: dolly", "data.format", "learns from pairs of answers")]
    [InlineData("task: sft", "format: hh-rlhf", "data.format", "is a format of preference pairs")]
    [InlineData("task: dpo", "overlong: trim-prompt", "data.overlong", "belongs to task sft")]
    [InlineData("task: dpo", "scored: all", "data.scored", "belongs to task sft")]
    [InlineData("task: dpo", "turns: last", "data.turns", "belongs to task sft")]
    public void Parse_DataThatDoesNotFitTheTask_NamesKeyAndReason(string task, string entry, string path, string message) =>
        AssertError($"{task}\nmodel: {{path: base}}\ndata: {{path: x, {entry}}}", path, message);

    [Fact]
    public void Parse_FractionBesideHeldOutData_IsRefused() => AssertError(
        "model: {path: base}\ndata: {path: x, evaluation: 0.1}\nevaluation: {data: y}", "data.evaluation", "keep one of them");

    [Theory]
    [InlineData("training: {gradient_checkpointing: true}")]
    [InlineData("training: {lane_memory_mb: 100}")]
    public void Hash_HarmlessKey_StaysTheSame(string yaml) =>
        Assert.Equal(ExperimentIdentity.Hash(Parse(""), Inputs), ExperimentIdentity.Hash(Parse(yaml + "\n"), Inputs));

    [Theory]
    [InlineData("dpo: {loss: ipo}")]
    [InlineData("dpo: {label_smoothing: 0.1}")]
    [InlineData("dpo: {length_normalized: true}")]
    [InlineData("dpo: {reference: round}")]
    [InlineData("dpo: {reference: some/adapter}")]
    [InlineData("training: {optimizer: sgd}")]
    [InlineData("training: {warmup: 3}")]
    [InlineData("training: {accumulation: token-mean}")]
    [InlineData("lora: {rank_pattern: {q_proj: 4}}")]
    [InlineData("lora: {alpha_pattern: {q_proj: 4}}")]
    [InlineData("lora: {rslora: true}")]
    [InlineData("lora: {targets: '.*q_proj'}")]
    public void Hash_KeyThatMatters_Changes(string yaml) =>
        Assert.NotEqual(ExperimentIdentity.Hash(Parse("task: dpo\n"), Inputs), ExperimentIdentity.Hash(Parse($"task: dpo\n{yaml}\n"), Inputs));

    [Fact]
    public void Hash_AdapterAsReference_CountsByContentNotByPath()
    {
        Experiment here = Parse("task: dpo\ndpo: {reference: here}\n");
        Experiment there = Parse("task: dpo\ndpo: {reference: there}\n");
        Assert.Equal(ExperimentIdentity.Hash(here, Inputs with { Reference = "r" }), ExperimentIdentity.Hash(there, Inputs with { Reference = "r" }));
        Assert.Empty(ExperimentIdentity.Differences(here, Inputs with { Reference = "r" }, there, Inputs with { Reference = "r" }));
        Assert.NotEqual(ExperimentIdentity.Hash(here, Inputs with { Reference = "r" }), ExperimentIdentity.Hash(here, Inputs with { Reference = "s" }));
        Assert.Equal(
            ["dpo.reference (content)"], ExperimentIdentity.Differences(here, Inputs with { Reference = "r" }, here, Inputs with { Reference = "s" }));
    }

    [Fact]
    public void Hash_MoreRoundsUnderASchedulesByStep_IsTheSameRunCarriedFurther() => Assert.Equal(
        ExperimentIdentity.Hash(Parse("training: {schedule: cosine-by-step}\nfederation: {rounds: 5}\n"), Inputs),
        ExperimentIdentity.Hash(Parse("training: {schedule: cosine-by-step}\nfederation: {rounds: 9}\n"), Inputs));

    private static Experiment Parse(string yaml, string more = Minimal) => ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml + "\n" + more), "test.yaml", "/exp");

    private static void AssertError(string yaml, string path, string message)
    {
        ExperimentFileError error = Assert.Single(Assert.Throws<ExperimentFileException>(() => Parse(yaml, "")).Errors);
        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }
}
