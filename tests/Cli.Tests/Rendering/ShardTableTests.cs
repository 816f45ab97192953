using FedLLM.Cli.Rendering;
using FedLLM.Data.Samples;
using FedLLM.Data.Shards;

namespace FedLLM.Cli.Tests.Rendering;

public sealed class ShardTableTests
{
    [Fact]
    public void Table_Exclusions_AreShownWithReasonsAndWarnedOfAboveAFifth()
    {
        string text = Write([Report(0, 10, 8), Report(1, 10, 7)]);
        Assert.Matches(@"(?m)^ +0 +client-0 +10 +8 +2 overlong +80 +b 5, a 2, c 2, 1 more", text);
        Assert.Matches(@"(?m)^ +1 +client-1 +10 +7 +3 overlong +70 ", text);
        Assert.Matches(@"(?m)^ +all +20 +15 +150 ", text);
        Assert.DoesNotContain("warning: client 0", text, StringComparison.Ordinal); // 20.0 % is not above a fifth
        Assert.Contains("warning: client 1 (client-1): 30.0 % of its 10 records are excluded: 3 overlong", text, StringComparison.Ordinal);
    }

    [Fact]
    public void Table_Truncations_AreShownByClientAndAsSharesOfAll()
    {
        ShardReport report = Report(0, 10, 8);
        ShardReport cut = report with
        {
            Tally = report.Tally with { Truncated = new Dictionary<Truncation, int> { [Truncation.Prompt] = 4, [Truncation.Answer] = 2 }, Cut = new CutTokens(1234, 20) },
        };
        string text = Write([cut, Report(1, 8, 8)]);
        Assert.Matches(@"(?m)^ +0 +client-0 +10 +8 +2 overlong +4 prompts, 2 answers +80 ", text);
        Assert.Matches(@"(?m)^ +all +18 +16 +25\.0 % of prompts \(-1,234 tokens\), 12\.5 % of answers \(-20 tokens\) +160 ", text);
        Assert.DoesNotContain("% of prompts", Write([report]), StringComparison.Ordinal);
    }

    [Fact]
    public void Table_ManyClients_IsCutWithTheirNumber()
    {
        string[] lines = Write([.. Enumerable.Range(0, 250).Select(i => Report(i, 4, 2))]).Split('\n');
        Assert.Contains(lines, l => l.Contains("150 more", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.Contains("1,000", StringComparison.Ordinal) && l.Contains("500", StringComparison.Ordinal));
        Assert.Equal(21, lines.Count(l => l.StartsWith("warning: ", StringComparison.Ordinal)));
        Assert.InRange(lines.Length, 100, 140);
    }

    [Fact]
    public void Table_NameWithMarkupAndControls_IsShownAsText()
    {
        string text = Write([new ShardReport(0, "[red]a\u001b[2Jb", Report(0, 4, 4).Tally)]);
        Assert.Contains("[red]a?[2Jb", text, StringComparison.Ordinal);
    }

    private static string Write(IReadOnlyList<ShardReport> reports)
    {
        var output = new StringWriter();
        ShardTable.Write(output, screen: false, reports);
        return output.ToString();
    }

    private static ShardReport Report(int client, int records, int usable) => new(
        client,
        $"client-{client}",
        new SampleTally(
            records,
            usable,
            records == usable ? new Dictionary<ExclusionReason, int>() : new Dictionary<ExclusionReason, int> { [ExclusionReason.Overlong] = records - usable },
            Tokens: 10 * usable,
            ScoredTokens: usable,
            Longest: 10,
            new Dictionary<string, int> { ["a"] = 2, ["b"] = 5, ["c"] = 2, ["d"] = 1 }));
}
