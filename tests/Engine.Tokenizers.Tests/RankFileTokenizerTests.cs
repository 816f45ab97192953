using System.Globalization;
using System.Text;
using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tests.Tokenization;
using FedLLM.Engine.Tokenization;
using FedLLM.TestSupport;
using Microsoft.ML.Tokenizers;

namespace FedLLM.Engine.Tokenizers.Tests;

/// <summary>GPT-2's vocabulary as a rank file, against GPT-2's vectors and this project's own tokenizer; Microsoft's SentencePiece against this project's own.</summary>
public sealed class RankFileTokenizerTests : IDisposable
{
    private const string Separator = "\n__ggml_vocab_test__\n";
    private const string Gpt2Pattern = @"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private static readonly RankFileScheme Gpt2 = new(
        Gpt2Pattern, new Dictionary<string, int> { ["<|endoftext|>"] = 50256 }, "<|endoftext|>", "<|endoftext|>", AddsBeginOfSequence: false);

    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-ranks-").FullName;

    [SkippableFact]
    public void Encode_Gpt2Vectors_AllIdsEqual()
    {
        RankFileTokenizer tokenizer = LoadGpt2();
        string[] texts = File.ReadAllText(SharedData.Require("tokenizers", "vectors", "gpt-2.inp"), Encoding.UTF8).Split(Separator)[..^1];
        string[] output = File.ReadAllLines(SharedData.Require("tokenizers", "vectors", "gpt-2.out"));
        Assert.Equal(46, texts.Length);
        for (int i = 0; i < texts.Length; i++)
        {
            int[] expected = [.. output[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
            IReadOnlyList<Token> tokens = tokenizer.Encode(texts[i]);
            Assert.Equal(expected, tokens.Select(t => t.Id));
            Assert.Equal(texts[i], tokenizer.Decode([.. tokens.Select(t => t.Id)]));
            OffsetChecks.CoversInOrder(texts[i], tokens);
        }
    }

    [SkippableFact]
    public void Encode_HardTexts_AsOurOwnTokenizer_OffsetsIncluded()
    {
        RankFileTokenizer tokenizer = LoadGpt2();
        ITokenizer own = TokenizerDirectory.Load(SharedData.Require("tokenizers", "gpt2"));
        Assert.Equal(own.VocabularySize, tokenizer.VocabularySize);
        Assert.Equal(own.EndOfSequenceId, tokenizer.EndOfSequenceId);
        foreach (string text in TextSamples.Hard.Append("a<|endoftext|>b <|endoftext|>").Concat(Random()))
        {
            Assert.Equal(own.Encode(text), tokenizer.Encode(text));
        }
    }

    [SkippableFact]
    public void Decode_SpecialTokens_AreKeptOnlyWhenAsked()
    {
        RankFileTokenizer tokenizer = LoadGpt2();
        Assert.Equal("ab", tokenizer.Decode([64, 50256, 65]));
        Assert.Equal("a<|endoftext|>b", tokenizer.Decode([64, 50256, 65], keepSpecial: true));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([50257]));
    }

    // Of a text that begins with several spaces, Microsoft's cuts the space it puts before every text by itself; here it merges with the others.
    [SkippableFact]
    public void SentencePiece_OfMicrosoft_AsOurOwn()
    {
        string path = SharedData.Require("tokenizers", "mistral-v1", "tokenizer.model");
        ITokenizer own = TokenizerDirectory.Load(path);
        using FileStream stream = File.OpenRead(path);
        var theirs = LlamaTokenizer.Create(stream, addBeginOfSentence: false, addEndOfSentence: false);
        foreach (string text in TextSamples.Hard.Where(t => t.Length > 0 && !t.Contains('\0', StringComparison.Ordinal)).Concat(Random()).Where(t => !t.StartsWith("  ", StringComparison.Ordinal)))
        {
            Assert.Equal(theirs.EncodeToIds(text), own.Encode(text).Select(t => t.Id));
        }
    }

    [Fact]
    public void Llama3_Scheme_HasItsSpecialTokens()
    {
        RankFileScheme scheme = RankFileScheme.Llama3;
        Assert.Equal(256, scheme.Special.Count);
        Assert.Equal(Enumerable.Range(128_000, 256), scheme.Special.Values.Order());
        Assert.Equal(128_000, scheme.Special["<|begin_of_text|>"]);
        Assert.Equal(128_006, scheme.Special["<|start_header_id|>"]);
        Assert.Equal(128_009, scheme.Special["<|eot_id|>"]);
        Assert.Equal(128_255, scheme.Special["<|reserved_special_token_250|>"]);
    }

    [Fact]
    public void Llama3_Scheme_CutsNumbersInThrees_AndFindsHeaders()
    {
        // Single bytes alone: a token each, but never across a cut; specials are whole.
        string path = Write(Enumerable.Range(0, 256).Select(b => (new[] { (byte)b }, b)).Append(("12"u8.ToArray(), 256)).Append(("34"u8.ToArray(), 257)));
        var tokenizer = RankFileTokenizer.Load(path, RankFileScheme.Llama3);
        Assert.Equal([256, '3', '4', '5'], tokenizer.Encode("12345").Select(t => t.Id));
        Assert.Equal([128_006, 'u', 128_007], tokenizer.Encode("<|start_header_id|>u<|end_header_id|>").Select(t => t.Id));
        Assert.True(tokenizer.AddsBeginOfSequence);
    }

    [Theory]
    [InlineData("AA== zero")]
    [InlineData("AA==")]
    [InlineData("!! 3")]
    [InlineData("AA== 0\nAA== 1")]
    [InlineData("AA== 0\nAQ== 0")]
    [InlineData("AA== 99999999")]
    [InlineData("AA== 0")]
    public void Load_DamagedFile_NamesIt(string content)
    {
        string path = Path.Combine(_folder, "damaged.model");
        File.WriteAllText(path, content);
        InputFileException error = Assert.Throws<InputFileException>(() => RankFileTokenizer.Load(path, Gpt2));
        Assert.Contains("damaged.model", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static IEnumerable<string> Random() =>
        Enumerable.Range(0, 200).Select(i => TextSamples.Random(["a", "the", " ", "  ", "\n", "é", "日", "😀", "12", ".", "'s", "Z", "\t"], 40, i)).Where(t => t.Length > 0);

    // GPT-2's byte alphabet: printable bytes stand for themselves, the others for the characters from U+0100 on.
    private RankFileTokenizer LoadGpt2()
    {
        var bytes = new Dictionary<char, byte>();
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool plain = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF);
            bytes[(char)(plain ? b : next++)] = (byte)b;
        }

        using JsonDocument vocabulary = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("tokenizers", "gpt2", "vocab.json")));
        return RankFileTokenizer.Load(
            Write(vocabulary.RootElement.EnumerateObject().Where(t => t.Value.GetInt32() != 50256)
                .Select(t => (t.Name.Select(c => bytes[c]).ToArray(), t.Value.GetInt32()))),
            Gpt2);
    }

    private string Write(IEnumerable<(byte[] Bytes, int Rank)> tokens)
    {
        string path = Path.Combine(_folder, "ranks.model");
        File.WriteAllLines(path, tokens.OrderBy(t => t.Rank).Select(t => string.Create(CultureInfo.InvariantCulture, $"{Convert.ToBase64String(t.Bytes)} {t.Rank}")));
        return path;
    }
}
