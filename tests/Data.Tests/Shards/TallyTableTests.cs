using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Data.Tests.Shards;

public sealed class TallyTableTests
{
    [Fact]
    public void Find_AfterSet_GivesTheWholeTally()
    {
        var tally = new SampleTally(
            9, 7, new Dictionary<ExclusionReason, int> { [ExclusionReason.Overlong] = 2 }, 500, 120, 90, new Dictionary<string, int> { ["poetry"] = 4, ["arithmetic"] = 3 })
        {
            Truncated = new Dictionary<Truncation, int> { [Truncation.Prompt] = 3, [Truncation.Answer] = 1 },
            Cut = new CutTokens(5_000_000_000, 12),
        };
        var bare = new SampleTally(1, 1, new Dictionary<ExclusionReason, int>(), 10, 5, 10, new Dictionary<string, int>());
        var table = new TallyTable(3);
        table.Set(1, tally);
        table.Set(2, bare);

        Assert.Null(table.Find(0));
        AssertEqual(tally, table.Find(1)!);
        AssertEqual(bare, table.Find(2)!);
        Assert.Equal((7, 500L), table.Size(1));
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
