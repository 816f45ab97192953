using System.Text;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>Where a cluster's shards lie.</summary>
public sealed class PlacementOptionsTests
{
    private static readonly ExperimentInputs Inputs = new("model", "data", "numerics");

    [Fact]
    public void Hash_Placement_ChangesNothing()
    {
        Experiment shared = Parse("data: {path: x, partition: {scheme: files}}");
        Experiment pinned = Parse("data: {path: x, placement: pinned, partition: {scheme: files}}");
        Assert.Equal((DataPlacement.Shared, DataPlacement.Pinned), (shared.Data.Placement, pinned.Data.Placement));
        Assert.NotEqual(shared, pinned);
        Assert.Equal(ExperimentIdentity.Hash(shared, Inputs), ExperimentIdentity.Hash(pinned, Inputs));
        Assert.Equal(["data.placement"], ExperimentIdentity.HarmlessDifferences(shared, pinned));
        Assert.Equal(pinned, ExperimentFile.Parse(Encoding.UTF8.GetBytes(ResolvedYaml.Write(pinned)), "x.yaml", "/elsewhere"));
    }

    [Theory]
    [InlineData("show_labels")]
    [InlineData("show_samples")]
    public void Parse_WhatIsShownOfPinnedData_IsHarmlessThereAndRefusedOfSharedData(string key)
    {
        Experiment hidden = Parse("data: {path: x, placement: pinned, partition: {scheme: files}}");
        Experiment shown = Parse($"data: {{path: x, placement: pinned, {key}: true, partition: {{scheme: files}}}}");
        Assert.Equal((false, false), (hidden.Data.ShowLabels, hidden.Data.ShowSamples));
        Assert.Equal((key == "show_labels", key == "show_samples"), (shown.Data.ShowLabels, shown.Data.ShowSamples));
        Assert.Equal(ExperimentIdentity.Hash(hidden, Inputs), ExperimentIdentity.Hash(shown, Inputs));
        Assert.Equal(["data." + key], ExperimentIdentity.HarmlessDifferences(hidden, shown));

        ExperimentFileError error = Assert.Single(Assert.Throws<ExperimentFileException>(() => Parse($"data: {{path: x, {key}: true}}")).Errors);
        Assert.Equal("data." + key, error.Path);
        Assert.Contains("is about pinned data", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data: {path: x, placement: pinned}", "needs data.partition.scheme files")]
    [InlineData("data: {placement: pinned, sources: [{path: a}, {path: b}], partition: {scheme: files}}", "needs data.path in place of data.sources")]
    [InlineData("data: {path: x, placement: pinned, partition: {scheme: files, registered: 9}}", "needs a shard for each client")]
    [InlineData("data: {path: x, placement: pinned, evaluation: 0.1, partition: {scheme: files}}", "cannot hold out a fraction of pinned shards")]
    [InlineData("data: {path: x, placement: pinned, partition: {scheme: files}}\nfederation: {algorithm: scaffold}", "control variates")]
    [InlineData("data: {path: x, placement: pinned, partition: {scheme: files}}\nfederation: {algorithm: local}", "local or scaffold")]
    [InlineData("data: {path: x, placement: pinned, partition: {scheme: files}}\nfederation: {algorithm: centralized}", "pools the shards")]
    [InlineData("data: {path: x, placement: pinned, partition: {scheme: files}}\nfederation: {lora_aggregation: fedsa}", "factors of each client")]
    public void Parse_WhatWouldMoveAPinnedRecordOrAClientsState_IsRefused(string yaml, string message)
    {
        ExperimentFileError error = Assert.Single(Assert.Throws<ExperimentFileException>(() => Parse(yaml)).Errors);
        Assert.Equal("data.placement", error.Path);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    private static Experiment Parse(string yaml) => ExperimentFile.Parse(Encoding.UTF8.GetBytes("model: {path: base}\n" + yaml), "test.yaml", "/exp");
}
