using System.Text.RegularExpressions;
using FedLLM.Engine.Tokenization.HuggingFace;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class SplitPatternTests
{
    // Characters of the first plane only, where a .NET regular expression sees what the original sees, and without U+017F, whose case it treats
    // differently.
    private static readonly string[] Plane0 =
    [
        "a", "s", "T", "'", "'s", "'LL", "'ve", "'Re", " ", "  ", "\n", "\r", "\t", "1", "23", "4567", "½", "Ⅷ", "é", "日", "ע", "\u0301", ".", "!?", "_", "\u00A0", "\u3000", "\u200D", "\0",
    ];

    private const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public static TheoryData<string> Patterns => new()
    {
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        Qwen2,
    };

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Cut_RandomTextOfTheFirstPlane_EqualsTheRegularExpression(string pattern)
    {
        Regex regex = new(pattern, RegexOptions.CultureInvariant);
        ISplitPattern scanner = SplitPatterns.Find(pattern)!;
        for (int i = 0; i < 3000; i++)
        {
            string text = TextSamples.Random(Plane0, 14, i);
            Assert.Equal(regex.Matches(text).Select(match => match.Index + match.Length), Ends(scanner, text));
        }
    }

    [Theory]
    [MemberData(nameof(Patterns))]
    public void Cut_SupplementaryCharacters_GoByTheirCategory(string pattern)
    {
        ISplitPattern scanner = SplitPatterns.Find(pattern)!;

        // U+1D49C is a letter, U+1D7D9 a digit, U+1F600 neither: cut as a, 1 and ! are, at twice the width.
        for (int i = 0; i < 1000; i++)
        {
            string plain = TextSamples.Random(["a", "1", "!"], 12, i);
            string wide = plain.Replace("a", "\U0001D49C", StringComparison.Ordinal)
                .Replace("1", "\U0001D7D9", StringComparison.Ordinal).Replace("!", "\U0001F600", StringComparison.Ordinal);
            Assert.Equal(Ends(scanner, plain).Select(end => 2 * end), Ends(scanner, wide));
        }
    }

    [Fact]
    public void Cut_LongSAfterApostrophe_IsAContractionWhereCaseIsIgnored()
    {
        Assert.Equal([2, 3], Ends(SplitPatterns.Find(Qwen2)!, "'\u017Fa"));
        Assert.Equal([1, 3], Ends(SplitPatterns.Gpt2, "'\u017Fa"));
    }

    [Fact]
    public void Find_UnknownPattern_IsNull() => Assert.Null(SplitPatterns.Find(@"\w+|\s+"));

    [Theory]
    [InlineData("Removed", "the final countdown")]
    [InlineData("Isolated", "the - final - - countdown")]
    [InlineData("MergedWithPrevious", "the- final- - countdown")]
    [InlineData("MergedWithNext", "the -final - -countdown")]
    [InlineData("Contiguous", "the - final -- countdown")]
    public void Apply_SplitBehavior_FollowsTheDocumentedExample(string behavior, string expected)
    {
        // The example of the original's documentation of each behavior.
        const string text = "the-final--countdown";
        SplitPreTokenizer split = new(new LiteralPattern("-"), Enum.Parse<SplitBehavior>(behavior), invert: false);
        Words words = split.Apply(new Words(Engine.Tokenization.MappedText.FromText(text), [(0, text.Length)]));
        Assert.Equal(expected.Split(' '), words.Ranges.Select(range => text[range.Start..range.End]));
    }

    private static int[] Ends(ISplitPattern pattern, string text)
    {
        List<(int End, bool IsMatch)> parts = [];
        pattern.Cut(text, parts);
        Assert.All(parts, part => Assert.True(part.IsMatch));
        return [.. parts.Select(part => part.End)];
    }
}
