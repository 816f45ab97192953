using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class RunCommandTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_ThenAgain_PrintsTheSameResult()
    {
        Answer first = await Run("--json");
        JsonElement result = first.Json();
        Assert.Equal("small", result.GetProperty("name").GetString());
        Assert.Equal(_folder["run"], result.GetProperty("directory").GetString());
        string[] lines = File.ReadAllLines(Path.Combine(_folder["run"], "rounds.jsonl"));
        Assert.Equal(lines, result.GetProperty("rounds").EnumerateArray().Select(r => r.GetRawText()));
        Assert.Equal([0, 1, 2], result.GetProperty("rounds").EnumerateArray().Select(r => r.GetProperty("round").GetInt32()));
        byte[] adapter = File.ReadAllBytes(Path.Combine(result.GetProperty("adapter_directory").GetString()!, "adapter_model.safetensors"));
        Assert.Equal(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(adapter)), result.GetProperty("adapter").GetString());

        Answer again = await Run("--json");
        Assert.Equal(first.Out, again.Out);
        Assert.Contains("finished before", again.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("finished before", first.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ForPeople_ShowsShardsProgressAndResult()
    {
        Answer answer = await Run();
        Assert.Equal(0, answer.Code);
        Assert.Matches(@"(?m)^ +2 +client_2 +6 +6 +[\d,]+ +corn 6", answer.Error);
        Assert.Matches(@"(?m)^ +all +18 +18 ", answer.Error);
        Assert.Matches(@"(?m)^round 0/2  held-out \d\.\d{4}\r?$", answer.Error);
        Assert.Matches(@"(?m)^round 2/2  train \d\.\d{4}  held-out \d\.\d{4}  [\d,]+ tok/s  eta 00:00\r?$", answer.Error);
        Assert.Matches(@"(?m)^ +round +train loss +held-out loss", answer.Out);
        Assert.Matches(@"(?m)^ +2 +\d\.\d{4} +\d\.\d{4}", answer.Out);
        Assert.Matches(@"(?m)^sha256 +[0-9a-f]{64}\r?$", answer.Out);
    }

    [Fact]
    public async Task Evaluate_OfTheFinalAdapter_IsTheLastRoundsLoss()
    {
        JsonElement result = (await Run("--json")).Json();
        double last = result.GetProperty("rounds")[2].GetProperty("evaluation").GetProperty("loss").GetDouble();
        Answer evaluated = await Answer.Of(
            "evaluate", "--model", world.Model, "--adapter", Path.Combine(_folder["run"], "adapter"), "--suite", "loss", "--data", world.HeldOut, "--json");
        Assert.Equal(last, evaluated.Json().GetProperty("loss").GetDouble());
    }

    [Fact]
    public async Task Status_OfAFinishedRun_IsItsLastLine()
    {
        JsonElement result = (await Run("--json")).Json();
        JsonElement status = (await Answer.Of("status", _folder["run"], "--json")).Json();
        Assert.Equal("finished", status.GetProperty("state").GetString());
        Assert.Equal(2, status.GetProperty("round").GetInt32());
        Assert.Equal(result.GetProperty("adapter").GetString(), status.GetProperty("adapter").GetString());
        JsonElement last = result.GetProperty("rounds")[2];
        Assert.Equal(last.GetProperty("train_loss").GetDouble(), status.GetProperty("train_loss").GetDouble());
        Assert.Equal(last.GetProperty("evaluation").GetProperty("loss").GetDouble(), status.GetProperty("evaluation").GetProperty("loss").GetDouble());
        Answer plain = await Answer.Of("status", _folder["run"]);
        Assert.Matches(@"(?m)^round +2 of 2\r?$", plain.Out);
        Assert.Matches(@"(?m)^state +finished\r?$", plain.Out);
    }

    [Fact]
    public async Task Threads_Differ_AdapterDoesNot()
    {
        string one = (await Run("--json", "--set", "training.threads=1")).Json().GetProperty("adapter").GetString()!;
        string three = (await Answer.Of("run", world.Experiment, "--out", _folder["other"], "--json", "--set", "training.threads=3")).Json()
            .GetProperty("adapter").GetString()!;
        Assert.Equal(one, three);
    }

    [Fact]
    public async Task Directory_OfAnotherExperiment_NamesTheKeys()
    {
        Assert.Equal(0, (await Run()).Code);
        (await Run("--set", "lora.rank=4", "--set", "seed=8")).IsOneLine(1, _folder["run"], "different experiment", "lora.rank", "seed", "--out");
    }

    [Fact]
    public async Task Directory_OfSomebodyElse_IsLeftAlone()
    {
        string note = _folder.Write(Path.Combine("run", "note.txt"), "mine");
        (await Run()).IsOneLine(1, _folder["run"], "--out");
        Assert.Equal([note], Directory.GetFileSystemEntries(_folder["run"]));
    }

    [Fact]
    public async Task Directory_IsAFile_IsOneLine()
    {
        _folder.Write("run", "a file");
        (await Run()).IsOneLine(1, _folder["run"], "--out");
    }

    [Fact]
    public async Task Status_OfNoRun_IsOneLine() => (await Answer.Of("status", _folder["none"])).IsOneLine(1, _folder["none"], "holds no run");

    [Fact]
    public async Task File_UnknownKeys_AreAllNamedWithTheNearest()
    {
        string yaml = _folder.Write("bad.yaml", "name: bad\nmodel: {pth: x}\nlora: {rnk: 8}\ndata: {path: y}\n");
        Answer answer = await Answer.Of("run", yaml, "--out", _folder["run"]);
        Assert.Equal(2, answer.Code);
        Assert.Contains(answer.ErrorLines(), l => l.StartsWith($"error: {yaml}:2: ", StringComparison.Ordinal) && l.Contains("model.path", StringComparison.Ordinal));
        Assert.Contains(answer.ErrorLines(), l => l.StartsWith($"error: {yaml}:3: ", StringComparison.Ordinal) && l.Contains("lora.rank", StringComparison.Ordinal));
        Assert.False(Directory.Exists(_folder["run"]));
    }

    [Fact]
    public async Task File_NotBuiltYet_SaysSo() => (await Run("--set", "model.dtype=float16")).IsOneLine(2, "model.dtype", "not built yet");

    [Theory]
    [InlineData("cuda")]
    [InlineData("torch-cpu")]
    public async Task Device_OfAnotherProgram_NamesThatProgram(string device) =>
        (await Run("--set", $"model.device={device}")).IsOneLine(2, $"model.device is {device}", "fedllm-torch");

    [Fact]
    public async Task Quantization_OnTheCpuEngine_IsRefused() =>
        (await Run("--set", "model.quantization=nf4")).IsOneLine(2, "model.quantization is nf4", "the CPU engine", "fedllm-torch");

    [Fact]
    public async Task Set_UnknownKey_IsNamed() => (await Run("--set", "lora.rnk=4")).IsOneLine(2, "--set", "lora.rank");

    [Fact]
    public async Task Model_Missing_SaysHowToDownload()
    {
        (await Run("--set", $"model.path={_folder["none"]}")).IsOneLine(1, _folder["none"], "hf download", $"--local-dir {_folder["none"]}");
        Assert.False(Directory.Exists(_folder["run"]));
    }

    [Fact]
    public async Task Data_BadJsonInLine4711_NamesFileAndLine()
    {
        string good = File.ReadLines(Path.Combine(world.Data, "client_0.jsonl")).First();
        string file = _folder.Write(
            Path.Combine("shards", "client_0.jsonl"), string.Concat(Enumerable.Repeat(good + "\n", 4710)) + "{\"instruction\": \"secret\", \"response\": \n" + good + "\n");
        Answer answer = await Run("--set", $"data.path={_folder["shards"]}", "--set", "federation.clients_per_round=1");
        answer.IsOneLine(1, file, "line 4711");
        Assert.DoesNotContain("secret", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Data_EmptyShard_IsNamed()
    {
        string file = _folder.Write(Path.Combine("shards", "client_0.jsonl"), string.Empty);
        (await Run("--set", $"data.path={_folder["shards"]}", "--set", "federation.clients_per_round=1")).IsOneLine(1, file, "empty");
    }

    [Fact]
    public async Task Model_TruncatedWeights_AreNamed()
    {
        string model = _folder["model"];
        Directory.CreateDirectory(model);
        foreach (string path in Directory.GetFiles(world.Model))
        {
            File.Copy(path, Path.Combine(model, Path.GetFileName(path)));
        }

        string weights = Path.Combine(model, "model.safetensors");
        using (FileStream file = File.OpenWrite(weights))
        {
            file.SetLength(file.Length - 100);
        }

        (await Run("--set", $"model.path={model}")).IsOneLine(1, weights);
    }

    private Task<Answer> Run(params string[] more) => Answer.Of(["run", world.Experiment, "--out", _folder["run"], .. more]);
}
