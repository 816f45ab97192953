using System.Globalization;
using System.Text;
using FedLLM.Engine.Tokenization;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class Gpt2VectorTests
{
    // The texts are joined by "\n__ggml_vocab_test__\n"; a text may itself start or end with line ends.
    private const string Separator = "\n__ggml_vocab_test__\n";

    [SkippableFact]
    public void Encode_Gpt2Vectors_AllIdsEqual()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("tokenizers", "gpt2"));
        string input = File.ReadAllText(SharedData.Require("tokenizers", "vectors", "gpt-2.inp"), Encoding.UTF8);
        string[] output = File.ReadAllLines(SharedData.Require("tokenizers", "vectors", "gpt-2.out"));
        string[] texts = input.Split(Separator)[..^1];
        Assert.Equal(46, texts.Length);
        Assert.Equal(46, output.Length);
        for (int i = 0; i < texts.Length; i++)
        {
            int[] expected = [.. output[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            IReadOnlyList<Token> tokens = tokenizer.Encode(texts[i]);
            Assert.Equal(expected, tokens.Select(token => token.Id));
            Assert.Equal(texts[i], tokenizer.Decode([.. tokens.Select(token => token.Id)]));
            OffsetChecks.CoversInOrder(texts[i], tokens);
        }
    }

    [SkippableFact]
    public void Load_Gpt2Directory_KnowsEndOfText()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("tokenizers", "gpt2"));
        Assert.Equal(50257, tokenizer.VocabularySize);
        Assert.Equal(50256, tokenizer.EndOfSequenceId);
        Assert.Equal(50256, tokenizer.BeginOfSequenceId);
        Assert.False(tokenizer.AddsBeginOfSequence);
        Assert.False(tokenizer.AddsEndOfSequence);
    }

    [SkippableFact]
    public void Encode_SpecialTokenInText_IsOneToken()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("tokenizers", "gpt2"));
        IReadOnlyList<Token> tokens = tokenizer.Encode("a<|endoftext|>b");
        Assert.Equal([new Token(64, 0, 1), new Token(50256, 1, 14), new Token(65, 14, 15)], tokens);
        int[] ids = [.. tokens.Select(token => token.Id)];
        Assert.Equal("ab", tokenizer.Decode(ids));
        Assert.Equal("a<|endoftext|>b", tokenizer.Decode(ids, keepSpecial: true));
    }

    [SkippableFact]
    public void Encode_HalfMegabyteOfRepeatedVectors_RoundTrips()
    {
        ITokenizer tokenizer = TokenizerDirectory.Load(SharedData.Require("tokenizers", "gpt2"));
        string input = File.ReadAllText(SharedData.Require("tokenizers", "vectors", "gpt-2.inp"), Encoding.UTF8);
        string text = string.Concat(Enumerable.Repeat(input, 300));
        IReadOnlyList<Token> tokens = tokenizer.Encode(text);
        OffsetChecks.CoversInOrder(text, tokens);
        Assert.Equal(text, tokenizer.Decode([.. tokens.Select(token => token.Id)]));
    }
}
