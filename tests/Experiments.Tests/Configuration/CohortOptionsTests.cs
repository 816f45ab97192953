using System.Text;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>Cohorts, simulated clients, baselines and budgets in the experiment file.</summary>
public sealed class CohortOptionsTests
{
    private const string Minimal = "model: {path: base}\ndata: {path: train.jsonl, partition: {clients: 20}}\n";

    [Theory]
    [InlineData("uniform", CohortSampling.Uniform)]
    [InlineData("openfedllm", CohortSampling.OpenFedLlm)]
    [InlineData("fedit", CohortSampling.FedIt)]
    [InlineData("weighted", CohortSampling.Weighted)]
    [InlineData("round-robin", CohortSampling.RoundRobin)]
    public void Parse_Sampling_IsANumberOfClientsByDefault(string name, CohortSampling sampling)
    {
        Experiment e = Parse($"federation: {{sampling: {name}}}");
        Assert.Equal((sampling, 2, (double?)null), (e.Federation.Sampling, e.Federation.ClientsPerRound, e.Federation.Fraction));
    }

    [Theory]
    [InlineData("{sampling: fixed-fraction}", 0.05, 1)]
    [InlineData("{sampling: fixed-fraction, fraction: 0.3}", 0.3, 6)]
    [InlineData("{sampling: fedit, fraction: 1}", 1.0, 20)]
    public void Parse_Fraction_StandsInThePlaceOfANumber(string section, double fraction, int ofTwenty)
    {
        Experiment e = Parse("federation: " + section);
        Assert.Equal(((int?)null, fraction, ofTwenty), (e.Federation.ClientsPerRound, e.Federation.Fraction, e.Federation.CohortOf(20)));
    }

    [Theory]
    [InlineData("{sampling: fixed-fraction}", 0.1, null, CohortSampling.FixedFraction)]
    [InlineData("{clients_per_round: 3}", null, 3, CohortSampling.FedIt)]
    [InlineData("{sampling: round-robin}", null, 2, CohortSampling.RoundRobin)]
    [InlineData("{sampling: fedit}", 0.1, null, CohortSampling.FedIt)]
    public void Parse_PresetsCount_GivesWayToTheFiles(string section, double? fraction, int? count, CohortSampling sampling)
    {
        Experiment e = Parse("preset: shepherd\nfederation: " + section, "model: {path: base}\ndata: {path: shards}\n");
        Assert.Equal((fraction, count, sampling), (e.Federation.Fraction, e.Federation.ClientsPerRound, e.Federation.Sampling));
    }

    [Fact]
    public void Parse_PresetsEpochs_GiveWayToTheFilesSteps()
    {
        Experiment e = Parse("preset: shepherd\ntraining: {max_steps: 5}");
        Assert.Equal((5, (double?)null, 5), (e.Training.MaxSteps, e.Training.Epochs, e.Training.Steps(1000)));
    }

    [Fact]
    public void Parse_NoSimulation_WaitsForEveryClient()
    {
        Experiment e = Parse("");
        Assert.Null(e.Simulation);
        Assert.Equal((0.0, (double?)null, (double?)null), (e.Federation.OverSelection, e.Federation.Deadline, e.Federation.BudgetMebibytes));
    }

    [Fact]
    public void Parse_OneKeyOfSimulation_GivesTheOthersTheirDefaults() =>
        Assert.Equal(new SimulationOptions(1, 0.25, 1, 0, 0), Parse("simulation: {drop_out: 0.25}").Simulation);

    [Fact]
    public void Parse_WholeSimulation_HasEveryValue()
    {
        Experiment e = Parse("""
            federation: {clients_per_round: 4, over_selection: 0.5, deadline: 30, quorum: 0.5, budget_mb: 2.5}
            simulation: {availability: 0.9, drop_out: 0.1, median_seconds: 12, client_spread: 0.5, round_spread: 0.25}
            """);
        Assert.Equal(new SimulationOptions(0.9, 0.1, 12, 0.5, 0.25), e.Simulation);
        Assert.Equal((0.5, 30.0, 2.5), (e.Federation.OverSelection, e.Federation.Deadline, e.Federation.BudgetMebibytes));
    }

    [Theory]
    [InlineData("federation: {algorithm: local}", Algorithm.Local, null, null)]
    [InlineData("federation: {algorithm: local, client: 19}", Algorithm.Local, 19, null)]
    [InlineData("federation: {algorithm: centralized}", Algorithm.Centralized, null, Pooling.EqualSteps)]
    [InlineData("federation: {algorithm: centralized, pooling: equal-samples}", Algorithm.Centralized, null, Pooling.EqualSamples)]
    public void Parse_Baseline_HasItsValues(string line, Algorithm algorithm, int? client, Pooling? pooling)
    {
        Experiment e = Parse(line);
        Assert.Equal((algorithm, client, pooling), (e.Federation.Algorithm, e.Federation.Client, e.Federation.Pooling));
    }

    [Theory]
    [InlineData("federation: {fraction: 0.1}", "federation.fraction", "belongs to the samplings fixed-fraction and fedit")]
    [InlineData("federation: {sampling: fixed-fraction, clients_per_round: 3}", "federation.clients_per_round", "beside federation.fraction")]
    [InlineData("federation: {sampling: fixed-fraction, fraction: none}", "federation.fraction", "is needed by sampling fixed-fraction")]
    [InlineData("federation: {sampling: fixed-fraction, fraction: 0}", "federation.fraction", "above 0 and at most 1, or none")]
    [InlineData("federation: {clients_per_round: auto}", "federation.clients_per_round", "auto is for federation.fraction")]
    [InlineData("federation: {sampling: random}", "federation.sampling", "must be uniform, openfedllm, fedit, weighted, round-robin or fixed-fraction")]
    [InlineData("federation: {over_selection: 0.5}", "federation.over_selection", "needs simulated clients")]
    [InlineData("federation: {over_selection: -1}", "federation.over_selection", "at least 0 and at most 100")]
    [InlineData("federation: {deadline: 30}", "federation.deadline", "add the section simulation")]
    [InlineData("federation: {budget_mb: 0}", "federation.budget_mb", "above 0")]
    [InlineData("federation: {quorum: 1.5}", "federation.quorum", "at most 1")]
    [InlineData("simulation: {availability: 0}", "simulation.availability", "above 0 and at most 1")]
    [InlineData("simulation: {drop_out: 1}", "simulation.drop_out", "at least 0 and below 1")]
    [InlineData("simulation: {drop_out: 0.1, median_seconds: none}", "simulation.median_seconds", "must be a number where clients are simulated")]
    [InlineData("simulation: {speed: 3}", "simulation.speed", "unknown key")]
    [InlineData("federation: {client: 1}", "federation.client", "belongs to federation.algorithm local")]
    [InlineData("federation: {algorithm: local, client: 20}", "federation.client", "must be below data.partition.clients, 20")]
    [InlineData("federation: {algorithm: local, client: -1}", "federation.client", "integer of at least 0")]
    [InlineData("federation: {pooling: equal-steps}", "federation.pooling", "belongs to federation.algorithm centralized")]
    [InlineData("federation: {algorithm: centralized, pooling: none}", "federation.pooling", "is needed by algorithm centralized")]
    [InlineData("federation: {algorithm: centralized, pooling: equal-samples}\ntraining: {epochs: 1}", "federation.pooling", "counts in steps")]
    [InlineData("federation: {algorithm: centralized}\nsimulation: {drop_out: 0.1}", "simulation.drop_out", "sample nobody")]
    public void Parse_WhatCannotWork_NamesKeyAndRemedy(string lines, string path, string message)
    {
        ExperimentFileError error = Assert.Single(Failure(lines).Errors);
        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_SeveralThingsThatCannotWork_ListsThemAll() => Assert.Equal(
        ["federation.client", "federation.deadline", "federation.fraction", "federation.over_selection", "training.epochs"],
        Failure("federation: {fraction: 0.5, over_selection: 1, deadline: 3, client: 2}\ntraining: {epochs: 1, max_steps: 1}").Errors.Select(e => e.Path).Order());

    [Theory]
    [InlineData("federation: {sampling: fixed-fraction, fraction: 0.3}")]
    [InlineData("federation: {algorithm: centralized, pooling: equal-samples}")]
    [InlineData("federation: {algorithm: local, client: 3}")]
    [InlineData("federation: {over_selection: 0.5, deadline: 30, budget_mb: 2.5}\nsimulation: {drop_out: 0.1}")]
    [InlineData("preset: shepherd")]
    [InlineData("training: {epochs: 1.5}")]
    public void Write_ThenParse_GivesAnEqualExperiment(string lines)
    {
        Experiment e = Parse(lines);
        Assert.Equal(e, ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(e)), "resolved.yaml", "/elsewhere"));
    }

    [Theory]
    [InlineData("federation: {sampling: weighted}")]
    [InlineData("federation: {sampling: fixed-fraction, fraction: 0.1}")]
    [InlineData("federation: {algorithm: local, client: 3}")]
    [InlineData("federation: {algorithm: centralized}")]
    [InlineData("federation: {budget_mb: 1}")]
    [InlineData("simulation: {drop_out: 0.1}")]
    [InlineData("training: {epochs: 1}")]
    public void Hash_WhatChangesTheResult_IsAnotherExperiment(string lines)
    {
        var inputs = new ExperimentInputs("m", "d", "n");
        Assert.NotEqual(ExperimentIdentity.Hash(Parse(""), inputs), ExperimentIdentity.Hash(Parse(lines), inputs));
    }

    private static Experiment Parse(string lines, string rest = Minimal) => ExperimentFile.Parse(Encoding.UTF8.GetBytes(rest + lines), "test.yaml", "/exp");

    private static ExperimentFileException Failure(string lines) => Assert.Throws<ExperimentFileException>(() => Parse(lines));
}
