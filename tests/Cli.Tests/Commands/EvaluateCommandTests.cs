using System.Globalization;
using System.Text.Json;
using FedLLM.Cli.Tests.Support;

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

    private Task<Answer> Evaluate(params string[] more) =>
        Answer.Of(["evaluate", "--model", world.Model, "--suite", "loss", "--data", world.HeldOut, .. more]);
}
