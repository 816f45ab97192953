using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class AdapterCommandTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Adapter_OfAClient_IsWhatFedSaLeavesItAndServesOtherCommands()
    {
        string run = _folder["run"];
        await Answer.Of(
            "run", world.Experiment, "--out", run, "--json", "--set", "federation.lora_aggregation=fedsa", "--set", "federation.rounds=1", "--set", "training.max_steps=20",
            "--set", "data.evaluation=0.2", "--set", "evaluation.data=none", "--set", "evaluation.personal=members");
        JsonElement record = JsonDocument.Parse(File.ReadLines(Path.Combine(run, "rounds.jsonl")).Last()).RootElement;
        int[] members = [.. record.GetProperty("clients").EnumerateArray().Select(c => c.GetProperty("id").GetInt32())];
        Assert.Equal(2, members.Length);
        int outsider = Enumerable.Range(0, 3).Single(c => !members.Contains(c));

        var losses = new List<double> { await Loss() };
        foreach (int member in members)
        {
            Answer answer = await Answer.Of("adapter", run, "--client", $"{member}", "--out", _folder[$"own_{member}"]);
            Assert.Equal((0, _folder[$"own_{member}"] + "/adapter\n"), (answer.Code, answer.Out));
            losses.Add(await Loss("--adapter", _folder[$"own_{member}"] + "/adapter"));
        }

        // Each client's own B makes an adapter of its own; the shared part alone, with B at zero, is the base model.
        Assert.Equal(3, losses.Distinct().Count());
        Assert.Equal(losses[0], await Loss("--adapter", Path.Combine(run, "adapter")));
        Answer merged = await Answer.Of("merge", "--model", world.Model, "--adapter", _folder[$"own_{members[0]}"] + "/adapter", "--out", _folder["merged"]);
        Assert.True(merged.Code == 0, merged.ToString());

        (await Answer.Of("adapter", run, "--client", $"{outsider}", "--out", _folder["none"])).IsOneLine(1, $"client {outsider} was no member of rounds 1 to 1");
        (await Answer.Of("adapter", run, "--client", $"{members[0]}", "--round", "7", "--out", _folder["none"])).IsOneLine(1, "no whole checkpoint of round 7");
        Assert.False(Directory.Exists(_folder["none"]));
    }

    [Fact]
    public async Task Adapter_OfARunWithoutOwnFactors_NamesTheOneThereIs()
    {
        string run = _folder["run"];
        await Answer.Of("run", world.Experiment, "--out", run, "--json");
        (await Answer.Of("adapter", run, "--client", "0", "--out", _folder["none"])).IsOneLine(1, "leaves clients no factors of their own", Path.Combine(run, "adapter"));
        (await Answer.Of("adapter", run, "--out", _folder["none"])).IsOneLine(2, "--client");
        (await Answer.Of("adapter", _folder["nowhere"], "--client", "0", "--out", _folder["none"])).IsOneLine(1, "holds no run");
    }

    private async Task<double> Loss(params string[] adapter) =>
        (await Answer.Of(["evaluate", "--model", world.Model, .. adapter, "--suite", "loss", "--data", world.HeldOut, "--json"])).Json().GetProperty("loss").GetDouble();
}
