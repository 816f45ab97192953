using System.Text.Json;
using FedLLM.Cli.Tests.Support;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class MergeCommandTests(SmallWorld world)
{
    [Fact]
    public async Task Merge_ThenEvaluate_IsEvaluateWithTheAdapter()
    {
        using var folder = new TemporaryFolder();
        SaveAdapter(folder["adapter"], ModelDirectory.LoadConfig(world.Model));
        JsonElement json = (await Answer.Of("merge", "--model", world.Model, "--adapter", folder["adapter"], "--out", folder["merged"], "--json")).Json();
        Assert.Equal(folder["merged"], json.GetProperty("model").GetString());
        Assert.Equal(["model.safetensors"], json.GetProperty("weight_files").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal(4, json.GetProperty("tensors_merged").GetInt32());
        Assert.True(json.GetProperty("tensors_copied").GetInt32() > 0);

        async Task<double> Loss(params string[] model) =>
            (await Answer.Of(["evaluate", .. model, "--suite", "loss", "--data", world.HeldOut, "--json"])).Json().GetProperty("loss").GetDouble();

        double both = await Loss("--model", world.Model, "--adapter", folder["adapter"]);
        Assert.Equal(both, await Loss("--model", folder["merged"]), 1e-5 * both); // they differ by rounding
        Assert.NotEqual(both, await Loss("--model", world.Model), 1e-3 * both);
    }

    [Fact]
    public async Task Merge_Plain_SaysWhatWasWritten()
    {
        using var folder = new TemporaryFolder();
        SaveAdapter(folder["adapter"], ModelDirectory.LoadConfig(world.Model));
        Answer answer = await Answer.Of("merge", "--model", world.Model, "--adapter", folder["adapter"], "--out", folder["merged"]);
        Assert.Equal((0, string.Empty), (answer.Code, answer.Error));
        Assert.Matches(@"tensors merged\s+4\b", answer.Out);
        (await Answer.Of("merge", "--model", world.Model, "--adapter", folder["adapter"], "--out", folder["merged"]))
            .IsOneLine(1, folder["merged"], "the folder is not empty", "Choose a new output folder");
    }

    [Fact]
    public async Task Merge_AdapterOfAnotherModel_NamesTheMismatch()
    {
        using var folder = new TemporaryFolder();
        SaveAdapter(folder["adapter"], ModelDirectory.LoadConfig(world.Model) with { Layers = 3 });
        (await Answer.Of("merge", "--model", world.Model, "--adapter", folder["adapter"], "--out", folder["merged"]))
            .IsOneLine(1, folder["adapter"], "a model of at least 3 layers, this one has 2");
    }

    private static void SaveAdapter(string path, ModelConfig model)
    {
        var lora = new LoraConfig(4, 64, 0, LoraTargets.Matching(@".*\.(down|q)_proj"));
        LoraAdapter adapter = LoraAdapter.Initialize(model, lora, seed: 3);
        for (int i = 0; i < adapter.Parameters.Values.Length; i++)
        {
            adapter.Parameters.Values[i] += 0.05f * ((i % 7) - 3); // B is zero at first
        }

        PeftAdapter.Save(path, lora, adapter.Parameters, null);
    }
}
