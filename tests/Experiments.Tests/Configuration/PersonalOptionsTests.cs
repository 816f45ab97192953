using System.Text;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>The keys of each client's own held-out data.</summary>
public sealed class PersonalOptionsTests
{
    private static readonly ExperimentInputs Inputs = new("model", "data", "numerics");

    [Fact]
    public void Parse_FilesForEachClient_AreResolvedAndReadBack()
    {
        Experiment experiment = Parse("data: {path: x, evaluation: 'held/local_test_*.json.gz'}\nevaluation: {personal: members, data: y}");
        Assert.Equal(new HeldOutData("/exp/held/local_test_*.json.gz", null), experiment.Data.Evaluation);
        Assert.Equal(PersonalEvaluation.Members, experiment.Evaluation.Personal);
        Assert.Equal(experiment, ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(experiment)), "x.yaml", "/elsewhere"));
    }

    [Fact]
    public void Hash_OwnHeldOutData_CountsOnlyWhereItTakesRowsOutOfTraining()
    {
        string without = Identity("data: {path: x}");
        Assert.Equal(without, Identity("data: {path: x, evaluation: 'held/*.json'}\nevaluation: {personal: all}"));
        string fifth = Identity("data: {path: x, evaluation: 0.2}");
        Assert.NotEqual(without, fifth);
        Assert.Equal(fifth, Identity("data: {path: x, evaluation: 0.2}\nevaluation: {personal: members, data: y}"));
        Assert.NotEqual(fifth, Identity("data: {path: x, evaluation: 0.1}"));
    }

    [Theory]
    [InlineData("data: {path: x}\nevaluation: {personal: members}", "evaluation.personal", "needs held-out data of each client")]
    [InlineData("data: {path: x, evaluation: 0.1}\nevaluation: {personal: some}", "evaluation.personal", "none, members or all")]
    [InlineData("data: {path: x, evaluation: 0.1}\nevaluation: {personal: members}\nfederation: {algorithm: centralized}", "evaluation.personal", "must be all")]
    [InlineData("data: {path: x, evaluation: 'held/*.json'}\nevaluation: {data: y}", "data.evaluation", "or set evaluation.personal")]
    [InlineData("data: {evaluation: 'held/*.json', sources: [{path: a}, {path: b}]}", "data.evaluation", "must be a fraction with data.sources")]
    public void Parse_WhatDoesNotFit_NamesKeyAndReason(string yaml, string path, string message)
    {
        ExperimentFileError error = Assert.Single(Assert.Throws<ExperimentFileException>(() => Parse(yaml)).Errors);
        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static string Identity(string yaml) => ExperimentIdentity.Hash(Parse(yaml), Inputs);

    private static Experiment Parse(string yaml) => ExperimentFile.Parse(Encoding.UTF8.GetBytes("model: {path: base}\n" + yaml), "x.yaml", "/exp");
}
