using FedLLM.Data.Examples;
using FedLLM.TestSupport;

namespace FedLLM.Data.Tests.Examples;

/// <summary>The cut of hh-rlhf's dialogues, by hand and against a plain transcription of OpenFedLLM's <c>split_hh</c>.</summary>
public sealed class DialoguePairTests
{
    [Fact]
    public void Split_SeveralTurns_GivesThePromptsTurnsAndTheAnswersWithTheirSpace()
    {
        const string Common = "\n\nHuman: Hi\n\nAssistant: Hello.\n\nHuman: How\n\nare you?\n\nAssistant:";
        var (prompt, chosen, rejected) = DialoguePair.Split(Common + " Fine.", Common + " Go away.", exact: false);
        Assert.Equal([new(MessageRole.User, "Hi"), new(MessageRole.Assistant, "Hello."), new(MessageRole.User, "How\n\nare you?")], prompt);
        Assert.Equal((" Fine.", " Go away."), (chosen, rejected));
    }

    [Theory]
    [InlineData(false, " I would say yes.", " I would say no.")]
    [InlineData(true, " yes.", " no.")] // what OpenFedLLM makes of it: "I would say" is lost
    public void Split_AnswersThatBeginAlike_AreWholeUnlessExact(bool exact, string expectedChosen, string expectedRejected)
    {
        var (prompt, chosen, rejected) = DialoguePair.Split(
            "\n\nHuman: Q\n\nAssistant: I would say yes.", "\n\nHuman: Q\n\nAssistant: I would say no.", exact);
        Assert.Equal([new Message(MessageRole.User, "Q")], prompt);
        Assert.Equal((expectedChosen, expectedRejected), (chosen, rejected));
    }

    [Fact]
    public void Split_AnswersOfOneSurrogatePairsHalf_AreNotCutWithinTheCharacter()
    {
        var (_, chosen, rejected) = DialoguePair.Split("\n\nHuman: Q\n\nAssistant: \ud83d\ude00", "\n\nHuman: Q\n\nAssistant: \ud83d\ude01", exact: true);
        Assert.Equal((" \ud83d\ude00", " \ud83d\ude01"), (chosen, rejected));
    }

    [Fact]
    public void Split_AssistantTwiceInARow_IsOneTurn()
    {
        var (prompt, chosen, _) = DialoguePair.Split(
            "\n\nHuman: Q\n\nAssistant: a\n\nAssistant: b", "\n\nHuman: Q\n\nAssistant: a\n\nAssistant: c", exact: false);
        Assert.Equal([new Message(MessageRole.User, "Q")], prompt);
        Assert.Equal(" a\n\nAssistant: b", chosen);
    }

    [Fact]
    public void Split_MoreTurnsBehindTheAnswers_StayInThem()
    {
        var (_, chosen, _) = DialoguePair.Split("\n\nHuman: Q\n\nAssistant: a\n\nHuman: R\n\nAssistant: b", "\n\nHuman: Q\n\nAssistant: x", exact: false);
        Assert.Equal(" a\n\nHuman: R\n\nAssistant: b", chosen);
    }

    [Theory]
    [InlineData("\n\nHuman: Q one\n\nAssistant: a", "\n\nHuman: Q two\n\nAssistant: b")] // part within the question
    [InlineData("\n\nHuman: Q\n\nAssistant: a\n\nHuman: x\n\nAssistant: b", "\n\nHuman: Q\n\nAssistant: a\n\nHuman: y\n\nAssistant: b")]
    [InlineData("Human: Q\n\nAssistant: a", "Human: Q\n\nAssistant: b")]
    [InlineData("", "")]
    [InlineData("\n\nHuman:", "\n\nHuman:")]
    public void Split_NoSharedPrompt_GivesNoTurns(string chosen, string rejected) => Assert.Empty(DialoguePair.Split(chosen, rejected, exact: false).Prompt);

    [Fact]
    public void Split_EqualOrEmptyAnswers_ComeOutAsSuch()
    {
        Assert.Equal((" a", " a"), Answers("\n\nHuman: Q\n\nAssistant: a", "\n\nHuman: Q\n\nAssistant: a"));
        Assert.Equal(("", " a"), Answers("\n\nHuman: Q\n\nAssistant:", "\n\nHuman: Q\n\nAssistant: a"));
        Assert.Equal(" ", Answers("\n\nHuman: Q\n\nAssistant: ", "\n\nHuman: Q\n\nAssistant: a").Chosen);
        Assert.Equal(new Message(MessageRole.User, ""), DialoguePair.Split("\n\nHuman: \n\nAssistant: a", "\n\nHuman: \n\nAssistant: b", exact: false).Prompt[0]);
    }

    [SkippableTheory]
    [InlineData("helpful-base.test.jsonl.gz", 2354, 435)]
    [InlineData("harmless-base.test.jsonl.gz", 2312, 445)]
    public void Read_HhRlhf_EqualsOpenFedLlmsSplitOfEveryRecord(string file, int records, int begunAlike)
    {
        string path = SharedData.Require("data", "hh-rlhf", file);
        PreferenceExample[] whole = Read(path, RecordFormat.HhRlhf);
        PreferenceExample[] exact = Read(path, RecordFormat.HhRlhfOpenFedLlm);
        (string Chosen, string Rejected)[] raw = [.. RawPairs(path)];
        Assert.Equal((records, records, records), (whole.Length, exact.Length, raw.Length));
        int alike = 0;
        for (int i = 0; i < records; i++)
        {
            var (turns, chosen, rejected) = OpenFedLlm(raw[i].Chosen, raw[i].Rejected);
            Assert.Equal(turns, exact[i].Prompt.Select(m => m.Text));
            Assert.Equal((chosen, rejected), (exact[i].Chosen, exact[i].Rejected));
            Assert.Equal(turns, whole[i].Prompt.Select(m => m.Text));
            Assert.EndsWith(chosen, whole[i].Chosen, StringComparison.Ordinal);
            alike += whole[i].Chosen != chosen && raw[i].Chosen != raw[i].Rejected ? 1 : 0;
        }

        Assert.Equal(begunAlike, alike);
    }

    // As the Python reads, with turns as text alone.
    private static (List<string> Turns, string Chosen, string Rejected) OpenFedLlm(string chosen, string rejected)
    {
        int shared = 0;
        while (shared < Math.Min(chosen.Length, rejected.Length) && chosen[shared] == rejected[shared])
        {
            shared++;
        }

        string sentence = chosen[..shared]["\n\nHuman: ".Length..];
        var turns = new List<string>();
        for (string next = "\n\nAssistant: "; sentence.IndexOf(next, StringComparison.Ordinal) is >= 0 and int index; next = turns.Count % 2 == 0 ? "\n\nAssistant: " : "\n\nHuman: ")
        {
            turns.Add(sentence[..index]);
            sentence = sentence[(index + next.Length)..];
        }

        return (turns, chosen[(shared - 1)..], rejected[(shared - 1)..]);
    }

    private static IEnumerable<(string Chosen, string Rejected)> RawPairs(string path)
    {
        using var gzip = new System.IO.Compression.GZipStream(File.OpenRead(path), System.IO.Compression.CompressionMode.Decompress);
        using var lines = new StreamReader(gzip);
        while (lines.ReadLine() is { } line)
        {
            using var json = System.Text.Json.JsonDocument.Parse(line);
            yield return (json.RootElement.GetProperty("chosen").GetString()!, json.RootElement.GetProperty("rejected").GetString()!);
        }
    }

    private static (string Chosen, string Rejected) Answers(string chosen, string rejected)
    {
        var (_, first, second) = DialoguePair.Split(chosen, rejected, exact: false);
        return (first, second);
    }

    private static PreferenceExample[] Read(string path, RecordFormat format) =>
        [.. new ExampleReader(format, kind: SampleKind.Pair).Read(path).Cast<PreferenceExample>()];
}
