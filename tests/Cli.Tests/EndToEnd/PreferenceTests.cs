using System.IO.Compression;
using System.Text;
using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.EndToEnd;

/// <summary>Federated value alignment as a user runs it: pairs in a compressed file, a run, what it writes, its adapter measured.</summary>
[Collection(SmallWorldTests.Name)]
public sealed class PreferenceTests(SmallWorld world) : IDisposable
{
    private static readonly string[] Animals = ["cat", "dog", "owl", "fox", "hen", "cow"];
    private static readonly string[] Foods = ["fish", "bread", "corn", "milk"];
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_TaskDpo_ReportsRewardsByRoundAndClient()
    {
        WriteExperiment();
        Answer answer = await Answer.Of("run", _folder["pairs.yaml"], "--out", _folder["run"]);
        Assert.True(answer.Code == 0, answer.ToString());
        Assert.Contains("1 with equal answers", answer.Error, StringComparison.Ordinal);
        Assert.Matches(@"(?m)^round 0/2  held-out acc 0\.500\r?$", answer.Error);
        Assert.Matches(@"(?m)^round 2/2  train \d\.\d{4}  acc \d\.\d{3}  margin -?\d+\.\d{3}  held-out acc \d\.\d{3}  [\d,]+ tok/s  eta 00:00\r?$", answer.Error);
        Assert.Contains("preference_accuracy", answer.Out, StringComparison.Ordinal);
        JsonElement[] rounds = [.. File.ReadLines(_folder["run/rounds.jsonl"]).Select(l => JsonDocument.Parse(l).RootElement)];
        Assert.Equal(3, rounds.Length);
        foreach (JsonElement round in rounds.Skip(1))
        {
            double weights = 0;
            double margin = 0;
            foreach (JsonElement client in round.GetProperty("clients").EnumerateArray())
            {
                JsonElement rewards = client.GetProperty("rewards");
                Assert.InRange(rewards.GetProperty("accuracy").GetDouble(), 0, 1);
                Assert.Equal(
                    rewards.GetProperty("chosen").GetDouble() - rewards.GetProperty("rejected").GetDouble(), rewards.GetProperty("margin").GetDouble(), 1e-12);
                weights += client.GetProperty("weight").GetDouble();
                margin += client.GetProperty("weight").GetDouble() * rewards.GetProperty("margin").GetDouble();
            }

            Assert.Equal(margin / weights, round.GetProperty("rewards").GetProperty("margin").GetDouble(), 1e-9);
        }

        // The last round's evaluation is what the command measures of the adapter that was written.
        JsonElement evaluated = (await Answer.Of(
            "evaluate", "--model", world.Model, "--adapter", _folder["run/adapter"], "--suite", "preference", "--data", _folder["held_out.json"],
            "--template", "vicuna", "--max-length", "96", "--max-prompt-length", "48", "--json")).Json();
        JsonElement last = rounds[^1].GetProperty("evaluation");
        Assert.Equal(last.GetProperty("preference_accuracy").GetDouble(), evaluated.GetProperty("reward").GetProperty("accuracy").GetDouble());
        Assert.Equal(last.GetProperty("preference_margin").GetDouble(), evaluated.GetProperty("reward").GetProperty("margin").GetDouble());
        Assert.Equal(last.GetProperty("preference_margin_per_token").GetDouble(), evaluated.GetProperty("reward_per_token").GetProperty("margin").GetDouble());
    }

    [Fact]
    public async Task Run_Killed_ContinuesToTheUndisturbedAdapter()
    {
        WriteExperiment();
        string[] longRun = ["--set", "federation.rounds=30", "--set", "dpo.reference=round", "--json"];
        Answer undisturbed = await Answer.Of(["run", _folder["pairs.yaml"], "--out", _folder["undisturbed"], .. longRun]);
        using (FedllmProcess process = FedllmProcess.Start(["run", _folder["pairs.yaml"], "--out", _folder["killed"], .. longRun]))
        {
            await process.Says("round 2/30");
            process.Kill();
        }

        Answer resumed = await FedllmProcess.Run(["run", _folder["pairs.yaml"], "--out", _folder["killed"], .. longRun]);
        Assert.Contains("continuing with round", resumed.Error, StringComparison.Ordinal);
        Assert.Equal(undisturbed.Json().GetProperty("adapter").GetString(), resumed.Json().GetProperty("adapter").GetString());
    }

    [Fact]
    public async Task Reference_OfAnotherRank_IsRefusedBeforeAnythingIsWritten()
    {
        WriteExperiment();
        string[] instructions = ["--set", "lora.rank=2", "--set", "federation.rounds=1"];
        Assert.Equal(0, (await Answer.Of(["run", world.Experiment, "--out", _folder["sft"], .. instructions])).Code);
        string reference = $"dpo.reference={_folder["sft/adapter"]}";
        Answer refused = await Answer.Of("run", _folder["pairs.yaml"], "--out", _folder["run"], "--set", reference);
        refused.IsOneLine(1, _folder["sft/adapter"], "rank 2 where 8 is expected", "lora");
        Assert.False(Directory.Exists(_folder["run"]));
        Assert.Equal(0, (await Answer.Of("run", _folder["pairs.yaml"], "--out", _folder["run"], "--set", reference, "--set", "lora.rank=2", "--set", "lora.alpha=16")).Code);
    }

    [Theory]
    [InlineData("dpo.label_smoothing=0.6", "dpo.label_smoothing")]
    [InlineData("dpo.loss=kto", "dpo.loss")]
    [InlineData("dpo.beta=0", "dpo.beta")]
    [InlineData("dpo.max_prompt_length=96", "dpo.max_prompt_length")]
    public async Task Run_ImpossibleSetting_IsNamed(string setting, string key)
    {
        WriteExperiment();
        Answer refused = await Answer.Of("run", _folder["pairs.yaml"], "--out", _folder["run"], "--set", setting);
        Assert.Equal(2, refused.Code);
        Assert.Contains(key, refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Dialogues_LearnFromEveryAnswerOrTheLast()
    {
        _folder.Write("dialogues.jsonl", string.Concat(Animals.SelectMany(a => Foods.Select(f => JsonSerializer.Serialize(new
        {
            conversations = new[]
            {
                new { from = "human", value = $"Hello {a}." },
                new { from = "gpt", value = $"I am the {a}." },
                new { from = "human", value = "What do you like?" },
                new { from = "gpt", value = $"The {a} likes {f}." },
            },
        }) + "\n"))));
        _folder.Write("dialogues.yaml", $$$"""
            model: {path: "{{{world.Model}}}"}
            data: {path: dialogues.jsonl, template: vicuna, max_length: 256, evaluation: 0.2, partition: {clients: 2}}
            federation: {rounds: 1}
            training: {batch_size: 4, max_steps: 2, learning_rate: 1.0e-2}
            """);
        async Task<JsonElement> Run(string turns) =>
            (await Answer.Of("run", _folder["dialogues.yaml"], "--out", _folder[turns], "--set", $"data.turns={turns}", "--json")).Json();
        JsonElement every = await Run("every");
        JsonElement last = await Run("last");
        Assert.NotEqual(every.GetProperty("adapter").GetString(), last.GetProperty("adapter").GetString());

        // The tokens are the same; only what is scored differs.
        int Tokens(JsonElement run) => run.GetProperty("rounds")[1].GetProperty("clients").EnumerateArray().Sum(c => c.GetProperty("tokens").GetInt32());
        Assert.Equal(Tokens(every), Tokens(last));
    }

    private void WriteExperiment()
    {
        string[] pairs = [.. Animals.SelectMany(a => Foods.Select(f => Pair(a, f)))];
        using (var gzip = new GZipStream(File.Create(_folder["pairs.jsonl.gz"]), CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(string.Join('\n', [.. pairs[1..], JsonSerializer.Serialize(new { prompt = "Same?", chosen = "Yes.", rejected = "Yes." })])));
        }

        _folder.Write("held_out.json", $"[{string.Join(',', pairs[..6])}]");
        _folder.Write("pairs.yaml", $$$"""
            name: pairs
            task: dpo
            model: {path: "{{{world.Model}}}"}
            data: {path: pairs.jsonl.gz, template: vicuna, max_length: 96, partition: {clients: 3}}
            dpo: {max_prompt_length: 48}
            federation: {rounds: 2}
            training: {batch_size: 4, max_steps: 2, learning_rate: 1.0e-2}
            evaluation: {every: 1, data: held_out.json}
            """);
    }

    private static string Pair(string animal, string food) => JsonSerializer.Serialize(new
    {
        prompt = $"What does the {animal} like?",
        chosen = $"The {animal} likes {food}.",
        rejected = $"{food} {animal} the like.",
    });
}
