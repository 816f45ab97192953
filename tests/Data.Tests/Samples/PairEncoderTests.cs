using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;
using FedLLM.TestSupport;

namespace FedLLM.Data.Tests.Samples;

public sealed class PairEncoderTests
{
    // With the system text S the prompt of "q" is "S USER: q ASSISTANT:", 20 characters, 21 tokens with begin-of-sequence.
    private const string Prompt = "^S USER: q ASSISTANT:";
    private static readonly CharacterTokenizer Tokenizer = new();

    [Fact]
    public void Encode_Pair_ScoresTheAnswersAndTheirEnds()
    {
        PreferencePair pair = Encode(" yes", " no").Sample!;
        Assert.Equal((Prompt + " yes$", Prompt + " no$"), (Text(pair.Chosen), Text(pair.Rejected)));
        Assert.Equal((" yes$", " no$"), (Scored(pair.Chosen), Scored(pair.Rejected)));
        Assert.Equal(Prompt.Length, pair.SharedPrefix);
    }

    [Fact]
    public void Encode_SeveralTurns_EndsEachAnswerOfThePrompt()
    {
        var example = new PreferenceExample(
            "S", [new(MessageRole.User, "a"), new(MessageRole.Assistant, "b"), new(MessageRole.User, "c")], " d", " e", null, default);
        PreferencePair pair = new PairEncoder(Tokenizer, PromptTemplate.Vicuna, 500, 100).Encode(example).Sample!;
        Assert.Equal("^S USER: a ASSISTANT: b$USER: c ASSISTANT: d$", Text(pair.Chosen));
        Assert.Equal(" d$", Scored(pair.Chosen));
    }

    // The longer answer " 12345" has 7 tokens with its end; prompt and it have 28.
    [Theory]
    [InlineData(28, 5, Prompt, " 12345$", " 9$", 0, 0)] // all fits, so the prompt may exceed its own limit
    [InlineData(27, 20, "^ USER: q ASSISTANT:", " 12345$", " 9$", 1, 0)]
    [InlineData(27, 10, "^SSISTANT:", " 12345$", " 9$", 11, 0)]
    [InlineData(16, 10, "^SSISTANT:", " 12345", " 9$", 11, 1)] // 6 tokens are the answers': the end is lost
    [InlineData(12, 10, "^SSISTANT:", " 1", " 9", 11, 6)]
    [InlineData(27, 24, Prompt, " 12", " 9$", 0, 4)] // the prompt is within its limit, so the answers have only the rest of it
    public void Encode_TooLong_IsTruncatedAsTrlDoes(int maxLength, int maxPrompt, string prompt, string chosen, string rejected, int promptCut, int answerCut)
    {
        EncodedSample<PreferencePair> encoded = Encode(" 12345", " 9", maxLength, maxPrompt);
        Assert.Equal((prompt + chosen, prompt + rejected), (Text(encoded.Sample!.Chosen), Text(encoded.Sample.Rejected)));
        Assert.Equal((chosen, rejected), (Scored(encoded.Sample.Chosen), Scored(encoded.Sample.Rejected)));
        Assert.Equal(new CutTokens(promptCut, answerCut), encoded.Cut);
    }

    [Fact]
    public void Encode_RejectedIsLonger_CountsForBoth() =>
        Assert.Equal(Truncation.Prompt, Encode(" 9", " 12345", 27, 20).Truncated);

    [Fact]
    public void Encode_AnswersEqualAfterTruncation_AreExcluded()
    {
        Assert.Equal(ExclusionReason.EqualAnswers, Encode(" same start, yes", " same start, no", 22, 10).Exclusion);
        Assert.NotNull(Encode(" same start, yes", " same start, no", 26, 10).Sample);
    }

    [Theory]
    [InlineData(" a", " a", ExclusionReason.EqualAnswers)]
    [InlineData(" ", " a", ExclusionReason.EmptyResponse)]
    [InlineData(" a", "\n", ExclusionReason.EmptyResponse)]
    [InlineData("", "", ExclusionReason.EmptyResponse)]
    public void Encode_UnusableAnswers_AreExcluded(string chosen, string rejected, ExclusionReason reason) =>
        Assert.Equal(reason, Encode(chosen, rejected).Exclusion);

    [Fact]
    public void Encode_UnusablePrompts_AreExcluded()
    {
        var encoder = new PairEncoder(Tokenizer, PromptTemplate.Vicuna, 500, 100);
        ExclusionReason? Reason(params Message[] prompt) => encoder.Encode(new PreferenceExample(null, prompt, " a", " b", null, default)).Exclusion;
        Assert.Equal(ExclusionReason.NoPrompt, Reason());
        Assert.Equal(ExclusionReason.NoPrompt, Reason(new Message(MessageRole.User, " \n")));
        Assert.Equal(ExclusionReason.TurnsOutOfOrder, Reason(new Message(MessageRole.User, "a"), new Message(MessageRole.Assistant, "b")));
        Assert.Equal(ExclusionReason.TurnsOutOfOrder, Reason(new Message(MessageRole.User, "a"), new Message(MessageRole.User, "b")));
    }

    [Fact]
    public void Encode_TokenizerWithoutSpecialTokens_AddsNone()
    {
        var plain = new CharacterTokenizer(addsBegin: false, hasEnd: false);
        PreferencePair pair = new PairEncoder(plain, PromptTemplate.Vicuna, 27, 20).Encode(Example(" 1234567", " 9")).Sample!;
        Assert.Equal(Prompt[1..] + " 123456", Text(pair.Chosen)[..27]);
    }

    [Theory]
    [InlineData(100, 100)]
    [InlineData(100, 0)]
    public void Constructor_LengthsThatLeaveNothing_AreRefused(int maxLength, int maxPrompt) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new PairEncoder(Tokenizer, PromptTemplate.Vicuna, maxLength, maxPrompt));

    [SkippableTheory]
    [InlineData("helpful-base.test.jsonl.gz", 2354, 4, 2)]
    [InlineData("harmless-base.test.jsonl.gz", 2312, 4, 0)]
    public void SampleSet_HhRlhf_CountsEveryPair(string file, int records, int empty, int equal)
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));
        var encoder = new PairEncoder(tokenizer, PromptTemplate.Vicuna, 512, 128);
        var reader = new ExampleReader(kind: SampleKind.Pair);
        SampleSet<PreferencePair> set = SampleSet.Encode(reader.Read(SharedData.Require("data", "hh-rlhf", file)), encoder);
        Assert.Equal((records, records - empty - equal), (set.Tally.Records, set.Tally.Usable));
        Assert.Equal(empty, set.Tally.Excluded.GetValueOrDefault(ExclusionReason.EmptyResponse));
        Assert.Equal(equal, set.Tally.Excluded.GetValueOrDefault(ExclusionReason.EqualAnswers));
        Assert.All(set.Samples, pair =>
        {
            int prompt = pair.Chosen.Scored.AsSpan().IndexOf(true);
            Assert.Equal(prompt, pair.SharedPrefix);
            Assert.True(pair.Chosen.Tokens.Length <= 512 && pair.Rejected.Tokens.Length <= 512);
            Assert.Equal(tokenizer.BeginOfSequenceId, pair.Chosen.Tokens[0]);
        });
        Assert.InRange(set.Tally.Truncated[Truncation.Prompt], records / 3, records * 2 / 3);
        Assert.InRange(set.Tally.Truncated[Truncation.Answer], records / 30, records / 10);
        Assert.True(set.Tally.Cut.Prompt > 100 * set.Tally.Truncated[Truncation.Prompt]); // OpenFedLLM's 128 tokens are little of a dialogue
        Assert.Equal(set.Samples.Count(p => p.Chosen.Tokens[^1] != 2 || p.Rejected.Tokens[^1] != 2), set.Tally.Truncated[Truncation.Answer]);
    }

    private static PreferenceExample Example(string chosen, string rejected) => new("S", [new(MessageRole.User, "q")], chosen, rejected, null, default);

    private static EncodedSample<PreferencePair> Encode(string chosen, string rejected, int maxLength = 500, int maxPrompt = 100) =>
        new PairEncoder(Tokenizer, PromptTemplate.Vicuna, maxLength, maxPrompt).Encode(Example(chosen, rejected));

    private static string Text(TokenSequence sequence) => Tokenizer.Decode(sequence.Tokens);

    private static string Scored(TokenSequence sequence) => Tokenizer.Decode([.. sequence.Tokens.Where((_, i) => sequence.Scored[i])]);
}
