using System.Globalization;
using FedLLM.Data.Examples;

namespace FedLLM.Data.Samples;

/// <summary>What was counted while examples became samples.</summary>
/// <param name="Records">Records read.</param>
/// <param name="Usable">Records that became a sample.</param>
/// <param name="Excluded">Records that did not, by reason; reasons without a record are left out.</param>
/// <param name="Tokens">Tokens of the samples, special tokens included.</param>
/// <param name="ScoredTokens">Those that are targets of the loss.</param>
/// <param name="Longest">Tokens of the longest sample.</param>
/// <param name="Labels">Samples by <see cref="Example.Category"/>, in ordinal order; samples without one are left out.</param>
public sealed record SampleTally(
    int Records,
    int Usable,
    IReadOnlyDictionary<ExclusionReason, int> Excluded,
    long Tokens,
    long ScoredTokens,
    int Longest,
    IReadOnlyDictionary<string, int> Labels)
{
    /// <summary>Samples that lost tokens, by what lost them; parts without a sample are left out. One sample may lose tokens of both.</summary>
    public IReadOnlyDictionary<Truncation, int> Truncated { get; init; } = new Dictionary<Truncation, int>();

    /// <summary>The tokens that truncated samples lost.</summary>
    public CutTokens Cut { get; init; }

    /// <summary>Returns the same without the labels, whose names are content of the data.</summary>
    public SampleTally WithoutLabels() => this with { Labels = new Dictionary<string, int>() };

    /// <summary>Above this share of excluded records a report warns: 20 %.</summary>
    public const double WarningShare = 0.2;

    /// <summary>Share of the records that are excluded, 0 to 1; 0 where there is no record.</summary>
    public double ExcludedShare => Records == 0 ? 0 : (double)(Records - Usable) / Records;

    /// <summary>Whether more than <see cref="WarningShare"/> of the records are excluded.</summary>
    public bool IsWarning => ExcludedShare > WarningShare;

    /// <summary>Describes the exclusions in a few words, such as <c>412 overlong, 3 with an empty response</c>; empty where there are none.</summary>
    public string DescribeExclusions() => string.Join(", ", Excluded.OrderBy(e => e.Key).Select(e => $"{e.Value} {Words(e.Key)}"));

    /// <summary>Describes the truncations in a few words, such as <c>210 prompts, 14 answers</c>; empty where there are none.</summary>
    public string DescribeTruncations() => string.Join(", ", Truncated.OrderBy(t => t.Key).Select(t => Words(t.Key, t.Value)));

    /// <summary>As <see cref="DescribeTruncations"/>, with what they took, such as <c>210 prompts (31,204 tokens), 14 answers (960 tokens)</c>.</summary>
    public string DescribeCutTokens() => string.Join(", ", Truncated.OrderBy(t => t.Key).Select(
        t => string.Create(CultureInfo.InvariantCulture, $"{Words(t.Key, t.Value)} ({Cut.Of(t.Key):N0} token{(Cut.Of(t.Key) == 1 ? "" : "s")})")));

    private static string Words(Truncation part, int count) => $"{count} {(part == Truncation.Prompt ? "prompt" : "answer")}{(count == 1 ? "" : "s")}";

    private static string Words(ExclusionReason reason) => reason switch
    {
        ExclusionReason.Overlong => "overlong",
        ExclusionReason.EmptyResponse => "with an empty response",
        ExclusionReason.NothingScored => "with nothing scored",
        ExclusionReason.NoPrompt => "without a prompt",
        ExclusionReason.EqualAnswers => "with equal answers",
        _ => "with turns out of order",
    };
}
