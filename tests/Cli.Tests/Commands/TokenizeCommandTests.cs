using System.Globalization;
using System.Text;
using FedLLM.Cli.Tests.Support;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.Training;
using FedLLM.TestSupport;

namespace FedLLM.Cli.Tests.Commands;

public sealed class TokenizeCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TokenizeCommandTests() => BytePairTrainer.Train(
        ["one two three two one"],
        new BytePairTrainerOptions
        {
            VocabularySize = 280,
            SpecialTokens = ["<s>", "</s>"],
            BeginOfSequence = "<s>",
            EndOfSequence = "</s>",
            AddsBeginOfSequence = true,
        }).Save(_folder.Root);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Text_PrintsTheTokenizersIdsOnOneLine()
    {
        Answer answer = await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--text", "two öne");
        Assert.Equal(new Answer(0, Ids("two öne") + Environment.NewLine, string.Empty), answer);
    }

    [Fact]
    public async Task Special_AddsWhatTheConfigurationAdds()
    {
        Answer answer = await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--text", "two", "--special");
        ITokenizer tokenizer = TokenizerDirectory.Load(_folder.Root);
        Assert.True(tokenizer is { AddsBeginOfSequence: true, AddsEndOfSequence: false });
        Assert.Equal($"{tokenizer.BeginOfSequenceId} {Ids("two")}{Environment.NewLine}", answer.Out);
    }

    [Theory]
    [InlineData("one\ntwo\n")]
    [InlineData("  three \r\n\n")]
    [InlineData("\uFEFFone")]
    [InlineData("")]
    public async Task File_IsOneTextToTheLastByte(string text)
    {
        File.WriteAllBytes(_folder["text"], new UTF8Encoding(false).GetBytes(text));
        Answer answer = await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--file", _folder["text"]);
        Assert.Equal(Ids(text) + Environment.NewLine, answer.Out);
    }

    [Fact]
    public async Task Json_HoldsTheSameIds()
    {
        Answer answer = await Answer.Of("tokenize", "--tokenizer", _folder["tokenizer.json"], "--text", "one two", "--json");
        Assert.Equal(Ids("one two"), string.Join(' ', answer.Json().GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())));
    }

    [Fact]
    public async Task File_NotUtf8_NamesTheByte()
    {
        File.WriteAllBytes(_folder["text"], [(byte)'a', (byte)'b', 0xFF, (byte)'c']);
        (await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--file", _folder["text"])).IsOneLine(1, _folder["text"], "byte 2", "UTF-8");
    }

    [Fact]
    public async Task File_Missing_IsNamed() =>
        (await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--file", _folder["none"])).IsOneLine(1, _folder["none"], "does not exist");

    [Fact]
    public async Task Tokenizer_Damaged_IsNamed()
    {
        File.WriteAllText(_folder["tokenizer.json"], "{\n\"model\": {,}\n}");
        (await Answer.Of("tokenize", "--tokenizer", _folder.Root, "--text", "a")).IsOneLine(1, _folder["tokenizer.json"]);
    }

    [SkippableFact]
    public async Task SentencePiece_WithSpecial_IsTheGoldenPrompt()
    {
        string model = SharedData.Require("models", "stories260K");
        Answer answer = await Answer.Of("tokenize", "--tokenizer", model, "--text", "Once upon a time", "--special");
        Assert.Equal("1 403 407 261 378" + Environment.NewLine, answer.Out);
    }

    private string Ids(string text) =>
        string.Join(' ', TokenizerDirectory.Load(_folder.Root).Encode(text).Select(t => t.Id.ToString(CultureInfo.InvariantCulture)));
}
