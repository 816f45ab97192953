using System.Text;
using System.Text.Json;
using FedLLM.Data.Examples;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Tests.Examples;

public sealed class PreferenceReaderTests : IDisposable
{
    private const string Hh = """{"chosen":"\n\nHuman: Q\n\nAssistant: yes","rejected":"\n\nHuman: Q\n\nAssistant: no"}""";
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(Hh)]
    [InlineData("""{"prompt":"Q","chosen":"yes","rejected":"no","score_chosen":3}""")]
    [InlineData("""{"prompt":"Q","messages":[],"chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"yes"}],"rejected":[{"content":"no","role":"assistant"}]}""")]
    [InlineData("""{"chosen":[{"role":"user","content":"Q"},{"role":"assistant","content":"yes"}],"rejected":[{"role":"user","content":"Q"},{"role":"assistant","content":"no"}]}""")]
    [InlineData("""{"prompt":[{"role":"user","content":"Q"}],"chosen":[{"role":"assistant","content":"yes"}],"rejected":[{"role":"assistant","content":"no"}]}""")]
    public void Read_EveryForm_GivesPromptAndAnswersWithTheirSpace(string record)
    {
        PreferenceExample pair = Assert.Single(Read(record));
        Assert.Equal([new Message(MessageRole.User, "Q")], pair.Prompt);
        Assert.Equal((null, " yes", " no"), (pair.System, pair.Chosen, pair.Rejected));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public void Read_ArrayOrLinesPlainOrGzip_GivesTheSamePairs(bool isArray, bool isCompressed)
    {
        string text = isArray ? $"[{Hh},\n{Hh}]" : Hh + "\n" + Hh;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        string path = _folder.Write("pairs.data", isCompressed ? TemporaryFolder.Gzip(bytes) : bytes);
        Assert.Equal(2, new ExampleReader(kind: SampleKind.Pair).Read(path).Count(e => e is PreferenceExample { Chosen: " yes", Rejected: " no" }));
    }

    [Fact]
    public void Read_SystemMessage_StandsApart()
    {
        PreferenceExample pair = Assert.Single(Read(
            """{"prompt":[{"role":"system","content":"S"},{"role":"user","content":"Q"}],"chosen":"yes","rejected":"no","category":"c"}"""));
        Assert.Equal(("S", "c", MessageRole.User), (pair.System, pair.Category, Assert.Single(pair.Prompt).Role));
    }

    [Fact]
    public void Read_StringsOfAMegabyte_AreWhole()
    {
        string big = new('x', 1 << 20);
        PreferenceExample pair = Assert.Single(Read(JsonSerializer.Serialize(new { prompt = big, chosen = big + "y", rejected = big })));
        Assert.Equal((1 << 20, (1 << 20) + 2, (1 << 20) + 1), (pair.Prompt[0].Text.Length, pair.Chosen.Length, pair.Rejected.Length));
        PreferenceExample hh = Assert.Single(Read(JsonSerializer.Serialize(
            new { chosen = $"\n\nHuman: {big}\n\nAssistant: y", rejected = $"\n\nHuman: {big}\n\nAssistant: n" })));
        Assert.Equal((big.Length, " y"), (hh.Prompt[0].Text.Length, hh.Chosen));
    }

    [Theory]
    [InlineData("""{"prompt":"SeCrEt","chosen":"SeCrEt"}""", "neither prompt + chosen + rejected")]
    [InlineData("""{"chosen":"SeCrEt","rejected":"SeCrEt"}""", "neither prompt + chosen + rejected")]
    [InlineData("""{"prompt":"SeCrEt","chosen":7,"rejected":"SeCrEt"}""", "'chosen' is not a string")]
    [InlineData("""{"prompt":null,"chosen":"SeCrEt","rejected":"SeCrEt"}""", "'prompt' is not a string")]
    [InlineData("""{"prompt":"SeCrEt","chosen":"SeCrEt","rejected":{"role":"SeCrEt"}}""", "'rejected' is not a string")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[],"rejected":"SeCrEt"}""", "'chosen' does not end with a message of the assistant")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[null],"rejected":"SeCrEt"}""", "'chosen' holds a message that is not an object")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"assistant","content":null}],"rejected":"SeCrEt"}""", "whose 'content' or 'value' is not a string")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"assistant","content":[{"text":null}]}],"rejected":"SeCrEt"}""", "whose 'content' or 'value' is not a string")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":null,"content":"SeCrEt"}],"rejected":"SeCrEt"}""", "whose 'role' or 'from' is not a string")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"tool","content":"SeCrEt"}],"rejected":"SeCrEt"}""", "another role than system, user")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"content":"SeCrEt"}],"rejected":"SeCrEt"}""", "without 'role' or 'from'")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"assistant"}],"rejected":"SeCrEt"}""", "without 'content' or 'value'")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"assistant","content":"a","content":"SeCrEt"}],"rejected":"SeCrEt"}""", "two of 'content' and 'value'")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"user","content":"SeCrEt"}],"rejected":"SeCrEt"}""", "does not end with a message of the assistant")]
    [InlineData("""{"chosen":[{"role":"user","content":"SeCrEt"},{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}""", "differ between")]
    [InlineData("""{"prompt":"SeCrEt","chosen":"SeCrEt","chosen":"SeCrEt","rejected":"b"}""", "'chosen' is there twice")]
    [InlineData("""{"prompt":"SeCrEt","chosen":[{"role":"assistant","content":"\ud800SeCrEt"}],"rejected":"b"}""", "half of a surrogate pair")]
    [InlineData("""{"instruction":"SeCrEt","output":"SeCrEt"}""", "those of instruction tuning (alpaca), and preference learning needs pairs")]
    public void Read_DefectiveRecord_IsNamedWithoutItsContent(string record, string problem)
    {
        InputFileException e = Assert.Throws<InputFileException>(() => Read(record));
        Assert.Contains("line 1, record 1", e.Message, StringComparison.Ordinal);
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SeCrEt", e.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_SecondRecordOfAnotherForm_IsNamed() => Assert.Contains(
        "line 2, record 2", Assert.Throws<InputFileException>(() => Read(Hh + "\n{\"prompt\":\"Q\"}")).Message, StringComparison.Ordinal);

    [Fact]
    public void Read_PairsForInstructionTuning_SayWhichTaskTheyAreFor()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => new ExampleReader().Read(_folder.Write("a.jsonl", Hh)).Count());
        Assert.Contains("those of preference pairs (hh-rlhf). Set task to dpo", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_FormatOfAnotherKind_IsRefused() =>
        Assert.Throws<ArgumentException>(() => new ExampleReader(RecordFormat.Dolly, kind: SampleKind.Pair));

    [Theory]
    [InlineData("""{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}],"id":"x"}""")]
    [InlineData("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","name":null}]}""")]
    public void Read_Dialogues_GivesTheirTurns(string record)
    {
        var dialogue = (DialogueExample)Assert.Single(new ExampleReader().Read(_folder.Write("a.jsonl", record)));
        Assert.Null(dialogue.System);
        Assert.Equal([new(MessageRole.User, "Q"), new(MessageRole.Assistant, "A")], dialogue.Turns);
    }

    [Fact]
    public void Read_DialogueWithSystem_SetsItApart()
    {
        var dialogue = (DialogueExample)Assert.Single(new ExampleReader(RecordFormat.ShareGpt).Read(_folder.Write(
            "a.jsonl", """{"messages":3,"conversations":[{"from":"system","value":"S"},{"from":"chatgpt","value":"A"}]}""")));
        Assert.Equal(("S", new Message(MessageRole.Assistant, "A")), (dialogue.System, Assert.Single(dialogue.Turns)));
    }

    [Theory]
    [InlineData("sharegpt", """{"conversations":"SeCrEt"}""", "'conversations' is not a list of messages")]
    [InlineData("messages", """{"conversations":[]}""", "'messages' is missing")]
    [InlineData("messages", """{"messages":[[]]}""", "'messages' holds a message that is not an object")]
    public void Read_DefectiveDialogue_IsNamed(string format, string record, string problem)
    {
        string path = _folder.Write("a.jsonl", record);
        InputFileException e = Assert.Throws<InputFileException>(() => new ExampleReader(RecordFormat.Find(format)).Read(path).Count());
        Assert.Contains(problem, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("SeCrEt", e.ToString(), StringComparison.Ordinal);
    }

    private List<PreferenceExample> Read(string text) =>
        [.. new ExampleReader(kind: SampleKind.Pair).Read(_folder.Write("pairs.jsonl", text)).Cast<PreferenceExample>()];
}
