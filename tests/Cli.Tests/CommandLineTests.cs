using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests;

public sealed class CommandLineTests
{
    private static readonly string[] Contract =
        ["demo", "run", "status", "compare", "verify", "dashboard", "evaluate", "generate", "tokenize", "partition", "pretrain", "merge"];

    [Fact]
    public async Task Version_Asked_IsNameAndNumber()
    {
        Answer answer = await Answer.Of("--version");
        Assert.Equal(new Answer(0, "fedllm 0.1.0" + Environment.NewLine, string.Empty), answer);
    }

    [Fact]
    public async Task Help_Asked_NamesEveryCommand()
    {
        Answer answer = await Answer.Of("--help");
        Assert.Equal(0, answer.Code);
        Assert.Equal(string.Empty, answer.Error);
        Assert.All(Contract, name => Assert.Contains($"\n  {name}", answer.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Help_OfEveryCommand_ExitsDone()
    {
        foreach (string name in Contract)
        {
            Answer answer = await Answer.Of(name, "--help");
            Assert.Equal(0, answer.Code);
            Assert.Matches($@"Usage:\s+\S+ {name}\b", answer.Out);

            // A default is shown by its name, not by its type's.
            Assert.DoesNotMatch(@"\[default: [A-Za-z]\w*\.", answer.Out);
        }
    }

    [Fact]
    public async Task NoCommand_ShowsHelpOnErrorAndExitsUsage()
    {
        Answer answer = await Answer.Of();
        Assert.Equal(2, answer.Code);
        Assert.Equal(string.Empty, answer.Out);
        Assert.Contains("tokenize", answer.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rnu", "run")]
    [InlineData("tokenise", "tokenize")]
    public async Task UnknownCommand_NearestIsNamed(string given, string nearest) =>
        (await Answer.Of(given, "x")).IsOneLine(2, $"unknown command {given}", $"nearest known one is {nearest}");

    [Theory]
    [InlineData("generate --modle x --prompt y", "--modle", "--model")]
    [InlineData("generate --model x --prompt y --max-new-token=3", "--max-new-token", "--max-new-tokens")]
    [InlineData("run x.yaml --ouput y", "--ouput", "--out")]
    [InlineData("--versoin", "--versoin", "--version")]
    public async Task UnknownOption_NearestIsNamed(string line, string given, string nearest) =>
        (await Answer.Of(line.Split(' '))).IsOneLine(2, $"unknown option {given};", $"nearest known one is {nearest}");

    [Theory]
    [InlineData("evaluate --model a --data b --suite gsm8k")]
    public async Task Planned_ExitsUsageAndSaysSo(string line) => (await Answer.Of(line.Split(' '))).IsOneLine(2, "not built yet");

    [Theory]
    [InlineData("generate --model x --prompt y --max-new-tokens 0", "--max-new-tokens", "1 to")]
    [InlineData("generate --model x --prompt y --max-new-tokens many", "--max-new-tokens", "'many'")]
    [InlineData("generate --model x --prompt y --temperature -1", "--temperature", "0 or more")]
    [InlineData("generate --model x --prompt y --temperature NaN", "--temperature", "0 or more")]
    [InlineData("generate --model x --prompt y --seed -1", "--seed", "0 or more")]
    [InlineData("generate --model x --prompt y --template chatml", "--template", "nearest known one is")]
    [InlineData("evaluate --model x --data y --suite lost", "--suite", "nearest known one is loss")]
    [InlineData("evaluate --model x --data y --suite loss --format doly", "--format", "nearest known one is dolly")]
    [InlineData("evaluate --model x --data y --suite loss --limit 0", "--limit", "1 to")]
    [InlineData("run a.yaml --dashboard https://localhost", "--dashboard", "not http")]
    [InlineData("dashboard --urls 5080", "--urls", "'5080'")]
    [InlineData("dashboard no-such-directory", "no-such-directory", "no such directory")]
    [InlineData("tokenize --tokenizer x", "--text", "--file")]
    [InlineData("tokenize --tokenizer x --text a --file b", "--text", "--file")]
    [InlineData("merge --model a --out c", "--adapter", "required")]
    [InlineData("generate --model x", "--prompt", "required")]
    [InlineData("generate --model x --prompt y --prompts-file z", "--prompts-file", "required")]
    [InlineData("generate --model x --prompt y --temperature 1 --top-p 0", "--top-p", "above 0 and at most 1")]
    [InlineData("generate --model x --prompt y --temperature 1 --top-p 1.5", "--top-p", "above 0 and at most 1")]
    [InlineData("generate --model x --prompt y --temperature 1 --top-k 0", "--top-k", "1 to")]
    [InlineData("generate --model x --prompt y --top-k 5", "--top-k", "need a --temperature above 0")]
    [InlineData("generate --model x --prompt y --top-p 0.5", "--top-p", "need a --temperature above 0")]
    public async Task BadValue_ExitsUsageAndNamesTheOption(string line, string option, string problem) =>
        (await Answer.Of(line.Split(' '))).IsOneLine(2, option, problem);

    [Fact]
    public async Task Required_TwoMissing_EachHasItsLine()
    {
        Answer answer = await Answer.Of("merge", "--model", "x");
        Assert.Equal(2, answer.Code);
        Assert.Equal(2, answer.ErrorLines().Count(l => l.StartsWith("error: ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Argument_BeginsWithAt_IsNoResponseFile()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("args", "--version");
        (await Answer.Of("tokenize", "--tokenizer", folder["none"], "--text", "@" + file)).IsOneLine(1, folder["none"]);
    }
}
