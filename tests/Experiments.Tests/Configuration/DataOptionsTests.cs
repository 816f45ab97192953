using System.Text;
using FedLLM.Data.Examples;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

public sealed class DataOptionsTests
{
    private static readonly ExperimentInputs Inputs = new("m", "d", "n");

    [Fact]
    public void Parse_Sources_HaveTheirOwnKeys()
    {
        Experiment e = Parse("""
            sources:
              - {path: ../data/dolly, pattern: "local_*.json.gz", format: dolly, limit: 500, clients: 4}
              - {name: maths, path: gsm8k/train.jsonl.gz, clients: 2}
            partition: {by_source: true}
            """);
        Assert.Equal(
            [new DataSource("dolly", "/data/dolly", "local_*.json.gz", RecordFormat.Dolly, 500, 4), new DataSource("maths", "/exp/gsm8k/train.jsonl.gz", null, null, null, 2)],
            e.Data.AllSources());
        Assert.Equal((null, null, true), (e.Data.Path, e.Data.Partition.Clients, e.Data.Partition.BySource));
    }

    [Fact]
    public void AllSources_OfAPath_IsThatOne() => Assert.Equal(
        [new DataSource(string.Empty, "/exp/x.json", null, RecordFormat.Alpaca, 7, null)], Parse("path: x.json\nformat: alpaca\nlimit: 7").Data.AllSources());

    [Fact]
    public void Write_Sources_ReadBackEqual()
    {
        Experiment first = Parse("""
            sources: [{path: "a b.json"}, {name: 'b: {"', path: c, pattern: "*.gz", format: mixed, limit: 3}]
            partition: {scheme: quantity, clients: 3, sigma: 0.25, min_size: 2, registered: 30, test_per_label: 1, field: topic}
            """);
        string yaml = ResolvedYaml.Write(first);
        Experiment second = ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml), "other.yaml", "/elsewhere");
        Assert.Equal(first, second);
        Assert.Equal(yaml, ResolvedYaml.Write(second));
    }

    [Fact]
    public void Parse_SourcesInAnOverride_AreReadAsInTheFile() => Assert.Equal(
        Parse("sources: [{path: /a.json, limit: 3}, {path: /b.json}]"),
        ExperimentFile.Parse("model: {path: base}"u8, "test.yaml", "/exp", ["data.sources=[{path: /a.json, limit: 3}, {path: /b.json}]"]));

    [Theory]
    [InlineData("path: x\nsources: [{path: a}]", "data.path", "stands beside data.sources")]
    [InlineData("pattern: '*'\nsources: [{path: a}]", "data.pattern", "give each of data.sources its own")]
    [InlineData("limit: 3\nsources: [{path: a}]", "data.limit", "give each of data.sources its own")]
    [InlineData("format: dolly\nsources: [{path: a}]", "data.format", "give each of data.sources its own")]
    [InlineData("path: none", "data.path", "there are no data.sources")]
    [InlineData("sources: []", "data.sources", "must be a list of sources")]
    [InlineData("sources: [{path: a}, b]", "data.sources", "source 2 (line 3): must be a map")]
    [InlineData("sources: [{paht: a}]", "data.sources", "source 1 (line 3): unknown key; the nearest known one is path; source 1 (line 3): path is required")]
    [InlineData("sources: [{path: a, path: b}]", "data.sources", "path is given twice")]
    [InlineData("sources: [{path: a, limit: 0}]", "data.sources", "limit must be an integer of at least 1")]
    [InlineData("sources: [{path: a/x.json}, {path: b/x.jsonl}]", "data.sources", "two sources have the same name")]
    [InlineData("sources: [{path: a, format: preference}]", "data.sources", "holds a format of preference pairs")]
    [InlineData("sources: [{path: a, clients: 2}]", "data.sources", "belongs to data.partition.by_source")]
    [InlineData("sources: [{path: a, clients: 2}, {path: b}]\npartition: {by_source: true}", "data.sources", "must give every source its clients")]
    [InlineData("sources: [{path: a, clients: 2}]\npartition: {by_source: true, clients: 3}", "data.partition.clients", "the sources have 2 clients together")]
    [InlineData("path: x\npartition: {by_source: true}", "data.partition.by_source", "needs data.sources")]
    [InlineData("path: x\npartition: {scheme: files, test_per_label: 3}", "data.partition.test_per_label", "belongs to the schemes that cut the data")]
    [InlineData("path: x\nevaluation: 0.1\npartition: {test_per_label: 3}", "data.partition.test_per_label", "stands beside data.evaluation")]
    [InlineData("path: x\nlimit: 9\npartition: {scheme: files}", "data.limit", "belongs to the schemes that cut the data")]
    [InlineData("path: x\npartition: {scheme: dirichlet, alpha: 1.0e+300}", "data.partition.alpha", "at most 1000000")]
    [InlineData("path: x\npartition: {scheme: dirichlet, min_size: 0}", "data.partition.min_size", "at least 1")]
    [InlineData("path: x\npartition: {scheme: dirichlet, sigma: 1}", "data.partition.sigma", "belongs to quantity")]
    [InlineData("path: x\npartition: {scheme: dirichlet, cap: none}", "data.partition.cap", "is needed by the scheme")]
    [InlineData("path: x\npartition: {scheme: quantity, sigma: 101}", "data.partition.sigma", "at most 100")]
    [InlineData("path: x\npartition: {clients: 8, registered: 7}", "data.partition.registered", "there are 8 shards")]
    public void Parse_WhatDoesNotFit_IsRefusedAtItsKey(string data, string path, string message)
    {
        ExperimentFileException refused = Assert.Throws<ExperimentFileException>(() => Parse(data));
        ExperimentFileError error = Assert.Single(refused.Errors);
        Assert.Equal(path, error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_MoreSampledThanRegistered_IsRefusedByWhatCounts()
    {
        Assert.Equal(9, Parse("path: x\npartition: {registered: 9}", "federation: {clients_per_round: 9}").Federation.ClientsPerRound);
        ExperimentFileException refused = Assert.Throws<ExperimentFileException>(() => Parse("path: x\npartition: {registered: 9}", "federation: {clients_per_round: 10}"));
        Assert.Contains("data.partition.registered is 9", Assert.Single(refused.Errors).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("path: a\nlimit: 7", false)]
    [InlineData("path: a\npartition: {registered: 7}", false)]
    [InlineData("path: a\npartition: {scheme: quantity}", false)]
    [InlineData("path: b", true)]
    public void Hash_DataKeys_CountButForPaths(string data, bool same) =>
        Assert.Equal(same, ExperimentIdentity.Hash(Parse("path: a"), Inputs) == ExperimentIdentity.Hash(Parse(data), Inputs));

    [Theory]
    [InlineData("sources: [{path: moved, name: renamed}]", true)]
    [InlineData("sources: [{path: a, limit: 3}]", false)]
    [InlineData("sources: [{path: a, format: dolly}]", false)]
    public void Hash_Sources_CountButForPathsAndNames(string data, bool same) =>
        Assert.Equal(same, ExperimentIdentity.Hash(Parse("sources: [{path: a}]"), Inputs) == ExperimentIdentity.Hash(Parse(data), Inputs));

    [Theory]
    [InlineData("path: x", 20000)]
    [InlineData("path: x\npartition: {scheme: files}", null)]
    [InlineData("sources: [{path: x}]", null)]
    public void Parse_PresetsLimit_GivesWayWhereItHasNoPlace(string data, int? limit) =>
        Assert.Equal(limit, Parse(data, "preset: openfedllm-sft").Data.Limit);

    private static Experiment Parse(string data, string more = "") =>
        ExperimentFile.Parse(Encoding.UTF8.GetBytes($"model: {{path: base}}\ndata:\n  {data.Replace("\n", "\n  ", StringComparison.Ordinal)}\n{more}\n"), "test.yaml", "/exp");
}
