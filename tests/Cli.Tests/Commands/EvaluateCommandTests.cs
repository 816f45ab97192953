using System.Globalization;
using System.Text.Json;
using FedLLM.Cli.Tests.Support;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;

namespace FedLLM.Cli.Tests.Commands;

[Collection(SmallWorldTests.Name)]
public sealed class EvaluateCommandTests(SmallWorld world)
{
    [Fact]
    public async Task Json_CountsTheRecordsAndMeasuresThem()
    {
        JsonElement json = (await Evaluate("--json")).Json();
        Assert.Equal(4, json.GetProperty("records").GetInt32());
        Assert.Equal(4, json.GetProperty("samples").GetInt32());
        Assert.InRange(json.GetProperty("scored_tokens").GetInt32(), 4 * 2, json.GetProperty("tokens").GetInt32() - 4);
        Assert.Equal(Math.Exp(json.GetProperty("loss").GetDouble()), json.GetProperty("perplexity").GetDouble(), 1e-9);
    }

    [Fact]
    public async Task Text_ShowsTheSameFigures()
    {
        double loss = (await Evaluate("--json")).Json().GetProperty("loss").GetDouble();
        Answer plain = await Evaluate();
        Assert.Equal(0, plain.Code);
        Assert.Matches($@"(?m)^loss +{loss.ToString("0.0000", CultureInfo.InvariantCulture)}\r?$", plain.Out);
        Assert.Matches(@"(?m)^excluded +none\r?$", plain.Out);
    }

    [Fact]
    public async Task Limit_TakesTheFirstRecords()
    {
        using var folder = new TemporaryFolder();
        string first = folder.Write("first.jsonl", string.Join('\n', File.ReadLines(world.HeldOut).Take(2)));
        JsonElement limited = (await Evaluate("--limit", "2", "--json")).Json();
        JsonElement whole = (await Answer.Of("evaluate", "--model", world.Model, "--suite", "loss", "--data", first, "--json")).Json();
        Assert.Equal(2, limited.GetProperty("records").GetInt32());
        Assert.Equal(whole.GetProperty("loss").GetDouble(), limited.GetProperty("loss").GetDouble());
    }

    [Fact]
    public async Task Overlong_IsCountedAndWarnedOf()
    {
        string[] lines = File.ReadAllLines(world.HeldOut);
        using var folder = new TemporaryFolder();
        string longOne = JsonSerializer.Serialize(new { instruction = "Say much.", response = string.Concat(Enumerable.Repeat("0123456789", 40)) });
        string data = folder.Write("data.jsonl", string.Join('\n', [lines[0], longOne]));
        Answer answer = await Answer.Of("evaluate", "--model", world.Model, "--suite", "loss", "--data", data, "--json");
        Assert.Equal(1, answer.Json().GetProperty("excluded").GetProperty("overlong").GetInt32());
        Answer plain = await Answer.Of("evaluate", "--model", world.Model, "--suite", "loss", "--data", data);
        Assert.Contains("warning: the data: 50.0 %", plain.Error, StringComparison.Ordinal);
        Assert.Contains("1 overlong of 2 records", plain.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MaxLength_BeyondTheModel_IsRefused() => (await Evaluate("--max-length", "300")).IsOneLine(2, "--max-length", "256");

    [Fact]
    public async Task MaxLength_TooShortForAnything_NamesTheData() =>
        (await Evaluate("--max-length", "10")).IsOneLine(1, world.HeldOut, "no usable sample");

    [Fact]
    public async Task Format_ThatDoesNotFit_NamesTheLine() =>
        (await Evaluate("--format", "alpaca")).IsOneLine(1, world.HeldOut, "line 1");

    [Fact]
    public async Task Preference_Json_MeasuresPlainlyWithoutAdapter()
    {
        using var folder = new TemporaryFolder();
        JsonElement json = (await Prefer(folder.Write("pairs.jsonl", Pairs), "--json")).Json();
        Assert.Equal(("preference", 3, 5), (json.GetProperty("suite").GetString(), json.GetProperty("pairs").GetInt32(), json.GetProperty("records").GetInt32()));
        Assert.Equal(1, json.GetProperty("excluded").GetProperty("equal_answers").GetInt32());
        Assert.Equal(1, json.GetProperty("excluded").GetProperty("empty_response").GetInt32());
        Assert.Equal(1, json.GetProperty("truncated").GetProperty("prompt").GetInt32());
        Assert.Equal(10_000, json.GetProperty("resamples").GetInt32());
        JsonElement plain = json.GetProperty("log_probability");
        Assert.Equal(json.GetProperty("accuracy").GetDouble(), plain.GetProperty("accuracy").GetDouble());
        Assert.InRange(plain.GetProperty("accuracy").GetDouble(), plain.GetProperty("interval")[0].GetDouble(), plain.GetProperty("interval")[1].GetDouble());
        Assert.False(json.TryGetProperty("reward", out _));
    }

    [Fact]
    public async Task Preference_Text_ShowsTheSameFiguresAndWhatWasLeftOut()
    {
        using var folder = new TemporaryFolder();
        string data = folder.Write("pairs.jsonl", Pairs);
        double margin = (await Prefer(data, "--json")).Json().GetProperty("margin").GetDouble();
        Answer plain = await Prefer(data);
        Assert.Equal(0, plain.Code);
        Assert.Matches($@"(?m)^ +log-probability +\d\.\d+ +\d\.\d+ to \d\.\d+ +{margin.ToString("0.0000", CultureInfo.InvariantCulture)} +0", plain.Out);
        Assert.Contains("1 with an empty response, 1 with equal answers of 5 records", plain.Out, StringComparison.Ordinal);
        int cut = (await Prefer(data, "--json")).Json().GetProperty("truncated_tokens").GetProperty("prompt").GetInt32();
        Assert.InRange(cut, 100, 2000);
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"1 prompt ({cut:N0} tokens) of 3 pairs"), plain.Out, StringComparison.Ordinal);
        Assert.Contains("warning: the data: 40.0 %", plain.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Preference_UntrainedAdapter_HasAnAccuracyOfOneHalf()
    {
        using var folder = new TemporaryFolder();
        ModelConfig model = ModelDirectory.Load(world.Model).Config;
        var lora = new LoraConfig(2, 4, 0, new HashSet<LinearKind> { LinearKind.Query });
        PeftAdapter.Save(folder["adapter"], lora, LoraAdapter.Initialize(model, lora, 1).Parameters, null);
        JsonElement json = (await Prefer(folder.Write("pairs.jsonl", Pairs), "--adapter", folder["adapter"], "--json")).Json();
        Assert.Equal((0.5, 0.0), (json.GetProperty("accuracy").GetDouble(), json.GetProperty("margin").GetDouble()));
        Assert.Equal(3, json.GetProperty("reward").GetProperty("ties").GetInt32());
    }

    [Fact]
    public async Task Preference_WhatDoesNotFit_IsRefused()
    {
        using var folder = new TemporaryFolder();
        string data = folder.Write("pairs.jsonl", Pairs);
        (await Prefer(data, "--format", "dolly")).IsOneLine(2, "--format dolly");
        (await Prefer(data, "--beta", "0")).IsOneLine(2, "--beta");
        (await Prefer(data, "--max-prompt-length", "256")).IsOneLine(2, "--max-prompt-length");
        (await Prefer(world.HeldOut)).IsOneLine(1, "needs pairs");
        (await Evaluate("--max-prompt-length", "10")).IsOneLine(2, "--max-prompt-length");
        (await Answer.Of("evaluate", "--model", world.Model, "--suite", "loss", "--data", data)).IsOneLine(1, "preference pairs");
    }

    private static readonly string Pairs = string.Join('\n',
        JsonSerializer.Serialize(new { prompt = "What does the cat like?", chosen = "The cat likes fish.", rejected = "Bread." }),
        JsonSerializer.Serialize(new { prompt = "What does the dog like?", chosen = "Corn.", rejected = "The dog likes corn, bread and milk." }),
        JsonSerializer.Serialize(new { prompt = "The same?", chosen = "Yes.", rejected = "Yes." }),
        JsonSerializer.Serialize(new { prompt = "Nothing?", chosen = "", rejected = "Yes." }),
        JsonSerializer.Serialize(new { prompt = string.Concat(Enumerable.Repeat("The owl likes milk. ", 60)), chosen = "Yes.", rejected = "No." }));

    private Task<Answer> Prefer(string data, params string[] more) =>
        Answer.Of(["evaluate", "--model", world.Model, "--suite", "preference", "--data", data, .. more]);

    private Task<Answer> Evaluate(params string[] more) =>
        Answer.Of(["evaluate", "--model", world.Model, "--suite", "loss", "--data", world.HeldOut, .. more]);
}
