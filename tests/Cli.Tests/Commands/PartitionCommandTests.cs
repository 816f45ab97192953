using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class PartitionCommandTests(SmallWorld world)
{
    private static readonly string[] Cut = ["--set", "data.partition.scheme=dirichlet", "--set", "data.partition.clients=2"];

    [Fact]
    public async Task Partition_ThenRun_EndsWithTheAdapterOfTheCutItself()
    {
        using var folder = new TemporaryFolder();
        JsonElement json = (await Answer.Of(["partition", world.Experiment, "--out", folder["cut"], .. Cut, "--json"])).Json();
        Assert.Equal((folder["cut"], 2, 18), (json.GetProperty("partition").GetString(), json.GetProperty("clients").GetInt32(), json.GetProperty("records").GetInt32()));
        Assert.Equal(18, json.GetProperty("sizes").EnumerateArray().Sum(s => s.GetInt32()));
        Assert.Equal([6, 6, 6], json.GetProperty("labels").EnumerateObject().Select(l => l.Value.GetInt32()));

        async Task<string?> Adapter(string name, params string[] arguments) =>
            (await Answer.Of(["run", world.Experiment, "--out", folder[name], .. arguments, "--json"])).Json().GetProperty("adapter").GetString();

        string? direct = await Adapter("direct", Cut);
        Assert.Equal(direct, await Adapter("files", "--set", $"data.path={folder["cut"]}/shards", "--set", $"data.format={json.GetProperty("format").GetString()}"));
        Assert.NotEqual(direct, await Adapter("other"));
    }

    [Fact]
    public async Task Partition_Plain_ShowsSizesLabelsAndHowToUseIt()
    {
        using var folder = new TemporaryFolder();
        Answer answer = await Answer.Of(
            "partition", world.Experiment, "--out", folder["cut"], "--set", "data.partition.scheme=by-field", "--set", "data.partition.test_per_label=1", "--set", "evaluation.data=none");
        Assert.Equal((0, string.Empty), (answer.Code, answer.Error));
        Assert.Matches(@"0\s+bread\s+5\s+#{30}\s+bread 5", answer.Out);
        Assert.Matches(@"clients\s+3\b", answer.Out);
        Assert.Matches(@"records\s+15\b", answer.Out);
        Assert.Contains($"data: {{path: {folder["cut"]}/shards, format: auto, partition: {{scheme: files}}}}", answer.Out, StringComparison.Ordinal);
        Assert.Contains($"evaluation: {{data: {folder["cut"]}/test.jsonl}}", answer.Out, StringComparison.Ordinal);
        (await Answer.Of("partition", world.Experiment, "--out", folder["cut"])).IsOneLine(1, folder["cut"], "the folder is not empty");
    }

    [Fact]
    public async Task Partition_WhatCannotBeCut_SaysWhatToChangeAndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        (await Answer.Of(["partition", world.Experiment, "--out", folder["cut"], .. Cut, "--set", "data.partition.min_size=10"]))
            .IsOneLine(1, "18 records cannot give 2 clients 10 each", "data.partition.min_size");
        Assert.Empty(Directory.GetFileSystemEntries(folder.Root));
    }
}
