using FedLLM.Data.Examples;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;

namespace FedLLM.Data.Tests.Samples;

public sealed class SampleEncoderTests
{
    private const int Plenty = 10_000;
    private static readonly PromptTemplate Template = PromptTemplate.Vicuna;
    private static readonly int PromptCharacters = Template.Prompt("Hi").Length;

    [Fact]
    public void Encode_CharacterTokens_ScoresExactlyTheResponseAndTheEnd()
    {
        TokenSequence sequence = Encode(FakeTokenizer.Characters(), "Hi", "abc").Sample!;
        Assert.Equal(1 + PromptCharacters + 3 + 1, sequence.Tokens.Length);
        Assert.Equal(FakeTokenizer.Begin, sequence.Tokens[0]);
        Assert.Equal(FakeTokenizer.End, sequence.Tokens[^1]);
        Assert.Equal(Enumerable.Range(FakeTokenizer.First, PromptCharacters + 3), sequence.Tokens[1..^1]);
        Assert.Equal([.. Enumerable.Repeat(false, 1 + PromptCharacters), true, true, true, true], sequence.Scored);
    }

    [Fact]
    public void Encode_TokenJoinsTheTemplatesSpaceToTheResponse_IsScored()
    {
        // Words carry the space before them: the last ones are " ASSISTANT:", " abc", " d"; the middle one straddles the border.
        TokenSequence sequence = Encode(FakeTokenizer.Words(), "Hi", "abc d").Sample!;
        Assert.Equal([false, true, true, true], sequence.Scored[^4..]);
        Assert.Equal(3, sequence.Scored.Count(s => s));
    }

    [Fact]
    public void Encode_TokenEndsAtTheBorder_IsNotScored()
    {
        string prompt = Template.Prompt("Hi");
        var tokenizer = new FakeTokenizer(text => [prompt[..^1], " ", text[prompt.Length..]]);
        Assert.Equal([false, false, false, true, true], Encode(tokenizer, "Hi", "abc").Sample!.Scored);
    }

    [Fact]
    public void Encode_ByteTokensOfOneResponseCharacter_AreAllScored()
    {
        string prompt = Template.Prompt("Hi");
        var tokenizer = new Bytes(prompt);
        Assert.Equal([false, true, true, true], Encode(tokenizer, "Hi", "é").Sample!.Scored);
    }

    [Fact]
    public void Encode_ResponseRepeatsTheTemplate_ScoresByOffsets()
    {
        string response = "x ASSISTANT: y ASSISTANT: z";
        TokenSequence sequence = Encode(FakeTokenizer.Characters(), "Say USER: ASSISTANT: twice", response).Sample!;
        Assert.Equal(response.Length + 1, sequence.Scored.Count(s => s));
        Assert.False(sequence.Scored[^(response.Length + 2)]);
    }

    [Fact]
    public void Encode_NoBeginAndNoEnd_AddsNeither()
    {
        TokenSequence sequence = Encode(FakeTokenizer.Characters(addsBegin: false, hasEnd: false), "Hi", "abc").Sample!;
        Assert.Equal(Enumerable.Range(FakeTokenizer.First, PromptCharacters + 3), sequence.Tokens);
        Assert.Equal(3, sequence.Scored.Count(s => s));
    }

    [Fact]
    public void Encode_OneTokenForAll_NeverScoresPositionZero()
    {
        var tokenizer = new FakeTokenizer(text => [text], addsBegin: false);
        Assert.Equal(ExclusionReason.NothingScored, Encode(tokenizer, "Hi", "abc").Exclusion);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t")]
    public void Encode_BlankResponse_IsExcluded(string response) =>
        Assert.Equal(new EncodedSample<TokenSequence>(null, ExclusionReason.EmptyResponse), Encode(FakeTokenizer.Characters(), "Hi", response));

    [Fact]
    public void Encode_TokenizerDropsTheResponse_IsExcluded()
    {
        var tokenizer = new FakeTokenizer(text => [text[..20], text[20..PromptCharacters]]);
        Assert.Equal(ExclusionReason.NothingScored, Encode(tokenizer, "Hi", "abc").Exclusion);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(-1, false)]
    public void Encode_Exclude_KeepsWhatFitsToTheToken(int spare, bool isKept)
    {
        int needed = 1 + PromptCharacters + 3 + 1;
        EncodedSample<TokenSequence> sample = Encode(FakeTokenizer.Characters(), "Hi", "abc", needed + spare);
        Assert.Equal(isKept, sample.Sample is not null);
        Assert.Equal(isKept ? null : ExclusionReason.Overlong, sample.Exclusion);
    }

    [Fact]
    public void Encode_TrimPrompt_DropsThePromptsBeginningBehindBeginOfSequence()
    {
        // 10 tokens: begin, the prompt's last 5 characters, "abc", end.
        TokenSequence sequence = Encode(FakeTokenizer.Characters(), "Hi", "abc", 10, OverlongPolicy.TrimPrompt).Sample!;
        int firstKept = FakeTokenizer.First + PromptCharacters - 5;
        Assert.Equal([FakeTokenizer.Begin, .. Enumerable.Range(firstKept, 8), FakeTokenizer.End], sequence.Tokens);
        Assert.Equal([false, false, false, false, false, false, true, true, true, true], sequence.Scored);
    }

    [Theory]
    [InlineData(true, 5, true)] // begin, abc, end
    [InlineData(true, 4, false)]
    [InlineData(false, 5, true)] // one prompt token, abc, end
    [InlineData(false, 4, false)] // abc would stand first, and a first token cannot be scored
    public void Encode_TrimPrompt_KeepsTheResponseWholeOrExcludes(bool addsBegin, int maxLength, bool isKept)
    {
        EncodedSample<TokenSequence> sample = Encode(FakeTokenizer.Characters(addsBegin), "Hi", "abc", maxLength, OverlongPolicy.TrimPrompt);
        Assert.Equal(isKept ? null : ExclusionReason.Overlong, sample.Exclusion);
        if (isKept)
        {
            Assert.Equal([false, true, true, true, true], sample.Sample!.Scored);
        }
    }

    [Fact]
    public void SampleSet_MixedExamples_CountsByReasonAndLabel()
    {
        var encoder = new SampleEncoder(FakeTokenizer.Characters(), Template, 1 + PromptCharacters + 3 + 1);
        Example[] examples = [Example("Hi", "abc", "b"), Example("Hi", "", "b"), Example("Hi", "abcd", "a"), Example("Hi", "ab", "a"), Example("Hi", "a", null), Example("Hi", "abcde", "c")];
        SampleTally tally = SampleSet.Encode(examples, encoder).Tally;
        Assert.Equal((6, 3), (tally.Records, tally.Usable));
        Assert.Equal([(ExclusionReason.Overlong, 2), (ExclusionReason.EmptyResponse, 1)], tally.Excluded.Select(e => (e.Key, e.Value)));
        Assert.Equal([("a", 1), ("b", 1)], tally.Labels.Select(l => (l.Key, l.Value)));
        Assert.Equal(3 * (1 + PromptCharacters + 1) + 3 + 2 + 1, tally.Tokens);
        Assert.Equal(3 + 2 + 1 + 3, tally.ScoredTokens);
        Assert.Equal(1 + PromptCharacters + 3 + 1, tally.Longest);
        Assert.Equal("2 overlong, 1 with an empty response", tally.DescribeExclusions());
        Assert.True(tally.IsWarning);
    }

    private static InstructionExample Example(string instruction, string response, string? category) => new(instruction, response, category, default);

    private static EncodedSample<TokenSequence> Encode(
        ITokenizer tokenizer, string instruction, string response, int maxLength = Plenty, OverlongPolicy overlong = OverlongPolicy.Exclude) =>
        new SampleEncoder(tokenizer, Template, maxLength, overlong).Encode(Example(instruction, response, null));

    /// <summary>The prompt as one token, then two byte tokens for each character behind it.</summary>
    private sealed class Bytes(string prompt) : ITokenizer
    {
        public int VocabularySize => 300;

        public int? BeginOfSequenceId => null;

        public int? EndOfSequenceId => 2;

        public bool AddsBeginOfSequence => false;

        public bool AddsEndOfSequence => false;

        public IReadOnlyList<Token> Encode(string text) =>
        [
            new Token(3, 0, prompt.Length),
            .. Enumerable.Range(prompt.Length, text.Length - prompt.Length).SelectMany(i => new[] { new Token(4, i, i + 1), new Token(5, i, i + 1) }),
        ];

        public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false) => throw new NotSupportedException();
    }
}
