using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Data.Tests.Shards;

public sealed class TallyTableTests
{
    private static readonly SampleTally Bare = new(1, 1, new Dictionary<ExclusionReason, int>(), 10, 5, 10, new Dictionary<string, int>());

    [Fact]
    public void Find_AfterSet_GivesTheWholeTally()
    {
        var tally = new SampleTally(
            9, 7, new Dictionary<ExclusionReason, int> { [ExclusionReason.Overlong] = 2 }, 500, 120, 90, new Dictionary<string, int> { ["poetry"] = 4, ["arithmetic"] = 3 })
        {
            Truncated = new Dictionary<Truncation, int> { [Truncation.Prompt] = 3, [Truncation.Answer] = 1 },
            Cut = new CutTokens(5_000_000_000, 12),
        };
        var table = new TallyTable(3);
        table.Set(1, tally);
        table.Set(2, Bare);

        Assert.Null(table.Find(0));
        AssertEqual(tally, table.Find(1)!);
        AssertEqual(Bare, table.Find(2)!);
        Assert.Equal((7, 500L), table.Size(1));
    }

    [Fact]
    public void Find_PartsThatShareAPlace_GivesEachItsOwn()
    {
        var table = new TallyTable(600);
        for (int part = 0; part < 600; part++)
        {
            table.Set(part, Bare with { Records = part });
        }

        Assert.All([3, 259, 515, 3, 4, 259], part => Assert.Equal(part, table.Find(part)!.Records));
        Assert.Same(table.Find(4), table.Find(4));
    }

    private static void AssertEqual(SampleTally expected, SampleTally actual)
    {
        Assert.Equal((expected.Records, expected.Usable, expected.Tokens, expected.ScoredTokens, expected.Longest), (actual.Records, actual.Usable, actual.Tokens, actual.ScoredTokens, actual.Longest));
        Assert.Equal(expected.Excluded.OrderBy(e => e.Key), actual.Excluded.OrderBy(e => e.Key));
        Assert.Equal(expected.Labels.OrderBy(l => l.Key, StringComparer.Ordinal), actual.Labels.OrderBy(l => l.Key, StringComparer.Ordinal));
        Assert.Equal(expected.Truncated.OrderBy(t => t.Key), actual.Truncated.OrderBy(t => t.Key));
        Assert.Equal(expected.Cut, actual.Cut);
    }
}
