using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Training;

namespace FedLLM.Data.Tests.Samples;

public sealed class DialogueEncoderTests
{
    private static readonly CharacterTokenizer Tokenizer = new();
    private static readonly Message[] Turns =
        [new(MessageRole.User, "ab"), new(MessageRole.Assistant, "CD"), new(MessageRole.User, "e"), new(MessageRole.Assistant, "F")];

    [Fact]
    public void Encode_Every_ScoresEachAnswerAndItsEnd()
    {
        TokenSequence sequence = Encode(Turns).Sample!;
        Assert.Equal("^S USER: ab ASSISTANT: CD$USER: e ASSISTANT: F$", Tokenizer.Decode(sequence.Tokens));
        Assert.Equal("CD$F$", Scored(sequence));
    }

    [Fact]
    public void Encode_Last_ScoresTheLastAnswerAlone() => Assert.Equal("F$", Scored(Encode(Turns, turns: TrainedTurns.Last).Sample!));

    [Fact]
    public void Encode_All_ScoresEverythingButTheFirstToken()
    {
        TokenSequence sequence = Encode(Turns, scored: ScoredTokens.All).Sample!;
        Assert.Equal(Tokenizer.Decode(sequence.Tokens)[1..], Scored(sequence));
        Assert.False(sequence.Scored[0]);
    }

    [Fact]
    public void Encode_AllOfASingleInstruction_ScoresItsPromptToo()
    {
        var encoder = new SampleEncoder(Tokenizer, PromptTemplate.Vicuna, 1000) { Scored = ScoredTokens.All };
        TokenSequence sequence = encoder.Encode(new InstructionExample("Hi", "abc", null, default)).Sample!;
        Assert.Equal(PromptTemplate.Vicuna.Prompt("Hi") + "abc$", Scored(sequence));
    }

    [Fact]
    public void Encode_OneExchange_EqualsTheSingleInstruction()
    {
        var encoder = new SampleEncoder(Tokenizer, PromptTemplate.Vicuna, 1000);
        TokenSequence dialogue = encoder.Encode(new DialogueExample(null, Turns[..2], null, default)).Sample!;
        TokenSequence single = encoder.Encode(new InstructionExample("ab", "CD", null, default)).Sample!;
        Assert.Equal(single.Tokens, dialogue.Tokens);
        Assert.Equal(single.Scored, dialogue.Scored);
    }

    [Fact]
    public void Encode_QuestionWithoutAnswer_IsLeftAwayAtTheEnd() =>
        Assert.Equal(Encode(Turns[..2]).Sample!.Tokens, Encode(Turns[..3]).Sample!.Tokens);

    [Fact]
    public void Encode_EmptyEarlierAnswer_IsExcludedOnlyWhereItCounts()
    {
        Message[] turns = [Turns[0], new(MessageRole.Assistant, " "), .. Turns[2..]];
        Assert.Equal(ExclusionReason.EmptyResponse, Encode(turns).Exclusion);
        Assert.Equal("F$", Scored(Encode(turns, turns: TrainedTurns.Last).Sample!));
    }

    [Theory]
    [InlineData(new[] { MessageRole.Assistant, MessageRole.User })]
    [InlineData(new[] { MessageRole.User, MessageRole.User, MessageRole.Assistant })]
    [InlineData(new[] { MessageRole.User, MessageRole.Assistant, MessageRole.System, MessageRole.Assistant })]
    public void Encode_TurnsOutOfOrder_AreExcluded(MessageRole[] roles) =>
        Assert.Equal(ExclusionReason.TurnsOutOfOrder, Encode([.. roles.Select(r => new Message(r, "x"))]).Exclusion);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Encode_NoAnswerAtAll_IsExcluded(int turns) => Assert.Equal(ExclusionReason.EmptyResponse, Encode(Turns[..turns]).Exclusion);

    [Fact]
    public void Encode_Overlong_IsExcludedOrTrimmedUpToTheFirstScoredToken()
    {
        int length = Encode(Turns).Sample!.Tokens.Length;
        int promptTokens = "S USER: ab ASSISTANT: ".Length;
        Assert.Equal(ExclusionReason.Overlong, Encode(Turns, length - 1).Exclusion);
        EncodedSample<TokenSequence> trimmed = Encode(Turns, length - promptTokens, OverlongPolicy.TrimPrompt);
        Assert.Equal(Truncation.Prompt, trimmed.Truncated);
        Assert.Equal("^CD$USER: e ASSISTANT: F$", Tokenizer.Decode(trimmed.Sample!.Tokens));
        Assert.Equal("CD$F$", Scored(trimmed.Sample!));
        Assert.Equal(ExclusionReason.Overlong, Encode(Turns, length - promptTokens - 1, OverlongPolicy.TrimPrompt).Exclusion);
    }

    [Fact]
    public void Encode_PreferencePair_IsRefused() => Assert.Throws<ArgumentException>(
        () => new SampleEncoder(Tokenizer, PromptTemplate.Vicuna, 100).Encode(new PreferenceExample(null, [], "a", "b", null, default)));

    private static EncodedSample<TokenSequence> Encode(
        Message[] messages, int maxLength = 1000, OverlongPolicy overlong = OverlongPolicy.Exclude, TrainedTurns turns = TrainedTurns.Every,
        ScoredTokens scored = ScoredTokens.Response) =>
        new SampleEncoder(Tokenizer, PromptTemplate.Vicuna, maxLength, overlong) { Turns = turns, Scored = scored }
            .Encode(new DialogueExample("S", messages, null, default));

    private static string Scored(TokenSequence sequence) => Tokenizer.Decode([.. sequence.Tokens.Where((_, i) => sequence.Scored[i])]);
}
