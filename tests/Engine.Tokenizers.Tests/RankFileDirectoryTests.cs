using System.Globalization;
using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.SentencePiece;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tokenizers.Tests;

/// <summary>Which tokenizer a directory has: rank files beside those that the engine reads itself.</summary>
public sealed class RankFileDirectoryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-rank-directory-").FullName;

    [Fact]
    public void Load_RankFileOfLlama3sSize_IsLlama3()
    {
        WriteRanks(128_000);
        ITokenizer tokenizer = RankFileDirectory.Load(_folder);
        Assert.IsType<RankFileTokenizer>(tokenizer);
        Assert.Equal(128_256, tokenizer.VocabularySize);
        Assert.Equal([128_006, 'u', 128_007], tokenizer.Encode("<|start_header_id|>u<|end_header_id|>").Select(t => t.Id));
        Assert.Equal(tokenizer.VocabularySize, RankFileDirectory.Load(Path.Combine(_folder, "tokenizer.model")).VocabularySize);
    }

    [Fact]
    public void Load_RankFileOfAnotherSize_IsRefused()
    {
        WriteRanks(1000);
        InputFileException error = Assert.Throws<InputFileException>(() => RankFileDirectory.Load(_folder));
        Assert.Contains("1000 tokens", error.Message, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", error.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Load_TokenizerJsonBesideARankFile_ComesFirst()
    {
        WriteRanks(1000);
        File.Copy(SharedData.Require("tokenizers", "gpt2", "tokenizer.json"), Path.Combine(_folder, "tokenizer.json"));
        Assert.Equal(50_257, RankFileDirectory.Load(_folder).VocabularySize);
    }

    [SkippableFact]
    public void Load_SentencePieceModel_IsTheEnginesOwn() =>
        Assert.IsType<SentencePieceTokenizer>(RankFileDirectory.Load(SharedData.Require("tokenizers", "mistral-v1")));

    [Fact]
    public void Load_Nothing_SaysWhatToGive() => Assert.Throws<InputFileException>(() => RankFileDirectory.Load(_folder));

    // Ids of the SentencePiece library itself.
    [SkippableFact]
    public void SentencePiece_OfMicrosoft_GivesTheVectorsToo()
    {
        using FileStream model = File.OpenRead(SharedData.Require("models", "stories260K", "tokenizer.model"));
        var theirs = Microsoft.ML.Tokenizers.LlamaTokenizer.Create(model, addBeginOfSentence: false, addEndOfSentence: false);
        ITokenizer own = TokenizerDirectory.Load(SharedData.Require("models", "stories260K"));
        using JsonDocument vectors = JsonDocument.Parse(File.ReadAllBytes(SharedData.Require("models", "stories260K", "tokenizer_vectors.json")));
        Assert.True(vectors.RootElement.GetArrayLength() > 0);
        foreach (JsonElement vector in vectors.RootElement.EnumerateArray())
        {
            string text = vector.GetProperty("text").GetString()!;
            int[] expected = [.. vector.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())];
            Assert.Equal(expected, own.Encode(text).Select(t => t.Id));

            // Of a text that begins with several spaces, Microsoft's cuts the space it puts before every text by itself.
            if (text.Length > 0 && !text.StartsWith("  ", StringComparison.Ordinal))
            {
                Assert.Equal(expected, theirs.EncodeToIds(text));
            }
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // The 256 bytes, then pairs and triples of them.
    private void WriteRanks(int count) => File.WriteAllLines(
        Path.Combine(_folder, "tokenizer.model"),
        Enumerable.Range(0, count).Select(rank => string.Create(CultureInfo.InvariantCulture, $"{Convert.ToBase64String(Token(rank))} {rank}")));

    private static byte[] Token(int rank) => rank switch
    {
        < 256 => [(byte)rank],
        < 256 + 65536 => [(byte)((rank - 256) >> 8), (byte)(rank - 256)],
        _ => [1, (byte)((rank - 65792) >> 8), (byte)(rank - 65792)],
    };
}
