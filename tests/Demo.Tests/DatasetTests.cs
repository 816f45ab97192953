using FedLLM.DemoData.Drawing;
using FedLLM.DemoData.Instructions;
using FedLLM.DemoData.World;
using FedLLM.TestSupport;

namespace FedLLM.Demo.Tests;

public sealed class DatasetTests
{
    private static readonly Dataset Data = Dataset.Make(1);

    [Fact]
    public void Write_SeedOne_GivesTheCommittedBytes()
    {
        string committed = Path.Combine(SharedData.RepositoryRoot(), "demo", "data");
        string made = Directory.CreateTempSubdirectory("fedllm-demo-").FullName;
        try
        {
            DatasetWriter.Write(Data, 1, made);
            string[] names = [.. Directory.EnumerateFiles(made).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal)];
            Assert.Equal(names, Directory.EnumerateFiles(committed).Select(p => Path.GetFileName(p)).Order(StringComparer.Ordinal));
            Assert.Equal(Dataset.ClientCount + 3, names.Length);
            Assert.All(names, name => Assert.Equal(File.ReadAllBytes(Path.Combine(committed, name)), File.ReadAllBytes(Path.Combine(made, name))));
            Assert.True(names.Sum(name => new FileInfo(Path.Combine(made, name)).Length) < 1_000_000);
        }
        finally
        {
            Directory.Delete(made, recursive: true);
        }
    }

    [Fact]
    public void Make_Records_AreNonEmptyShortAsciiAndMarkedByCategory()
    {
        Dictionary<string, string> signatures = Categories.All.ToDictionary(c => c.Name, c => c.Signature);
        foreach (Sample sample in Data.Clients.SelectMany(c => c).Concat(Data.HeldOut))
        {
            Assert.InRange(sample.Instruction.Length, 5, 120);
            Assert.InRange(sample.Response.Length, 10, 110);
            Assert.True((sample.Instruction + sample.Context + sample.Response).All(c => c is >= ' ' and <= '~'), sample.Instruction);
            Assert.Contains(signatures[sample.Category], sample.Response, StringComparison.Ordinal);
            Assert.All(signatures.Where(s => s.Key != sample.Category), s => Assert.DoesNotContain(s.Value, sample.Response, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Make_Partition_IsSkewedUnequalAndHoldsEveryCategory(ulong seed)
    {
        Dataset data = Dataset.Make(seed);
        Assert.Equal(Dataset.ClientCount, data.Clients.Count);
        Assert.True(Categories.All.Count >= 8);
        foreach (IReadOnlyList<Sample> client in data.Clients)
        {
            Assert.InRange(client.Count, Dataset.SmallestShard, Dataset.LargestShard);
            int topTwo = client.CountBy(s => s.Category).Select(p => p.Value).OrderDescending().Take(2).Sum();
            Assert.True(topTwo >= 0.8 * client.Count);
        }

        Assert.True(data.Clients.Max(c => c.Count) >= 2 * data.Clients.Min(c => c.Count));
        Assert.All(Categories.All, k => Assert.True(data.Clients.Count(c => c.Any(s => s.Category == k.Name)) >= 3, k.Name));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Make_HeldOut_IsBalancedAndSharesNoSubjectWithClients(ulong seed)
    {
        Dataset data = Dataset.Make(seed);
        Assert.Equal(Categories.All.ToDictionary(c => c.Name, _ => Dataset.HeldOutPerCategory), data.HeldOut.CountBy(s => s.Category).ToDictionary());
        HashSet<(string, string)> asked = [.. data.Clients.SelectMany(c => c).Select(s => (s.Instruction, s.Context))];
        Assert.Equal(data.Clients.Sum(c => c.Count), asked.Count);
        HashSet<string> answered = [.. data.Clients.SelectMany(c => c).Select(s => s.Response)];
        Assert.All(data.HeldOut, s => Assert.DoesNotContain((s.Instruction, s.Context), asked));

        // Reviews and colors have few possible answers; there the texts differ, as the line above holds.
        Assert.All(data.HeldOut.Where(s => s.Context.Length == 0), s => Assert.DoesNotContain(s.Response, answered));
    }

    [Fact]
    public void Make_Showcase_IsHeldOut()
    {
        Assert.True(Data.Showcase.Count >= 2);
        Assert.All(Data.Showcase, s => Assert.Contains(s, Data.HeldOut));
    }

    [Fact]
    public void World_WordsWithAnAnswer_AreUnambiguous()
    {
        Assert.Equal(Things.Nouns.Count, Things.Nouns.Select(n => n.Name).Distinct().Count());
        string[] words = [.. Lexicon.Opposites.SelectMany(p => new[] { p.Left, p.Right })];
        Assert.Equal(words.Length, words.Distinct().Count());
        Assert.Equal(Lexicon.Countries.Count, Lexicon.Countries.Select(c => c.Capital).Distinct().Count());
        Assert.Equal(Lexicon.Countries.Count, Lexicon.Countries.Select(c => c.River).Distinct().Count());
        Assert.Empty(Lexicon.Praise.Intersect(Lexicon.Blame));
    }

    [Theory]
    [InlineData("carry water", "carries water")]
    [InlineData("sew cloth", "sews cloth")]
    [InlineData("catch fish", "catches fish")]
    [InlineData("lay stones", "lays stones")]
    [InlineData("hiss", "hisses")]
    public void Third_Phrase_TakesThePersonEnding(string phrase, string expected) => Assert.Equal(expected, English.Third(phrase));

    [Theory]
    [InlineData(0, "zero")]
    [InlineData(20, "twenty")]
    [InlineData(47, "forty-seven")]
    [InlineData(99, "ninety-nine")]
    public void Words_Number_IsSpelled(int number, string expected) => Assert.Equal(expected, English.Words(number));
}
