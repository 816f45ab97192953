using System.Security.Cryptography;
using System.Text;
using FedLLM.DemoData.Corpus;
using FedLLM.DemoData.Instructions;

namespace FedLLM.Demo.Tests;

public sealed class CorpusTests
{
    private static readonly Lazy<string> Corpus = new(() => Text(seed: 1, bytes: 2_000_000));

    [Fact]
    public void Write_FixedSeed_GivesTheSameBytesOnEveryMachine()
    {
        byte[] bytes = Encoding.ASCII.GetBytes(Text(seed: 1, bytes: 500_000));
        Assert.Equal("bf7f8b0aff3a0ee919a338f428e711b9918ca7332bf1c5a982f9699dfff4ac0a", Convert.ToHexStringLower(SHA256.HashData(bytes)));
        Assert.NotEqual(bytes, Encoding.ASCII.GetBytes(Text(seed: 2, bytes: 500_000)));
    }

    [Fact]
    public void Write_LargerCorpus_StartsWithTheSmaller() => Assert.StartsWith(Text(1, 100_000), Corpus.Value, StringComparison.Ordinal);

    [Fact]
    public void Write_Size_IsReachedByTheLastDocument()
    {
        string text = Text(1, 100_000);
        int last = text.LastIndexOf(CorpusWriter.DocumentEnd, text.Length - CorpusWriter.DocumentEnd.Length - 2, StringComparison.Ordinal);
        Assert.True(text.Length >= 100_000);
        Assert.True(last + CorpusWriter.DocumentEnd.Length < 100_000);
        Assert.EndsWith($"\n{CorpusWriter.DocumentEnd}\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_Documents_ArePlainAndDistinct()
    {
        string[] documents = Corpus.Value.Split($"\n{CorpusWriter.DocumentEnd}\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.All(documents, d => Assert.Equal(d.Trim(), d));
        Assert.True(Corpus.Value.All(c => c is '\n' or (>= ' ' and <= '~')));
        Assert.True(documents.Distinct().Count() > 0.85 * documents.Length);
    }

    [Fact]
    public void Write_AnswersAndInstructions_AreNotInTheCorpus()
    {
        Dataset data = Dataset.Make(1);
        foreach (Sample sample in data.Clients.SelectMany(c => c).Concat(data.HeldOut))
        {
            Assert.False(Corpus.Value.Contains(sample.Response, StringComparison.Ordinal), sample.Response);
            Assert.False(Corpus.Value.Contains(sample.Instruction, StringComparison.Ordinal), sample.Instruction);
        }
    }

    [Fact]
    public void Write_SignaturesOfAnswers_AreNotInTheCorpus() =>
        Assert.All(Categories.All, c => Assert.DoesNotContain(c.Signature, Corpus.Value, StringComparison.Ordinal));

    [Fact]
    public void Write_FrameOfTemplates_IsThereOnlyInPieces()
    {
        Assert.Contains("Below is an instruction that describes a task.", Corpus.Value, StringComparison.Ordinal);
        Assert.Contains("Write a response that appropriately completes the request.", Corpus.Value, StringComparison.Ordinal);
        Assert.Contains("### Instruction:", Corpus.Value, StringComparison.Ordinal);
        Assert.Contains("### Response:", Corpus.Value, StringComparison.Ordinal);
        Assert.DoesNotContain(
            Corpus.Value.Split(CorpusWriter.DocumentEnd),
            d => d.Contains("### Instruction:", StringComparison.Ordinal) && d.Contains("### Response:", StringComparison.Ordinal));
    }

    private static string Text(ulong seed, long bytes)
    {
        using MemoryStream stream = new();
        CorpusWriter.Write(stream, seed, bytes);
        return Encoding.ASCII.GetString(stream.ToArray());
    }
}
