using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenization.HuggingFace;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class CanonicalCompositionTests
{
    // Examples of UAX 15 (figures 3 to 6, table 4) and of its conformance test's parts.
    [Theory]
    [InlineData("plain ASCII", "plain ASCII")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("\u2126", "\u03A9")]
    [InlineData("A\u030A", "\u00C5")]
    [InlineData("\uFB01", "\uFB01")]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323")]
    [InlineData("d\u0307\u0323", "\u1E0D\u0307")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u1E0A\u0323", "\u1E0C\u0307")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\uAC00\u11A8", "\uAC01")]
    [InlineData("\u1112\u1161\u11AB\u1100\u1173\u11AF", "\uD55C\uAE00")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\U00011131\U00011127", "\U0001112E")]
    [InlineData("\u0301a", "\u0301a")]
    [InlineData("a\u0315\u0300\u05AE\u0062", "\u00E0\u05AE\u0315b")]
    [InlineData("\uF900x", "\u8C48x")]
    public void Apply_ExamplesOfTheStandard_GiveFormC(string text, string expected)
    {
        MappedText source = MappedText.FromText(text);
        MappedText result = new CanonicalComposition().Apply(source, 0, source.Length);
        Assert.Equal(expected, new string(result.Chars));
        Assert.Equal(0, result.Start(0));
        Assert.Equal(text.Length, result.End(result.Length - 1));
    }

    [Fact]
    public void Apply_Twice_ChangesNothingMore()
    {
        string[] alphabet = ["a", "e\u0301", "\u0327", "\u0301", "\u1100", "\u1161", "\u11A8", "\uAC00", "\u212B", "日", "\U0001D15E", "\u09C7", "\u09BE", " "];
        for (int i = 0; i < 1000; i++)
        {
            MappedText source = MappedText.FromText(TextSamples.Random(alphabet, 12, i));
            MappedText once = new CanonicalComposition().Apply(source, 0, source.Length);
            MappedText twice = new CanonicalComposition().Apply(once, 0, once.Length);
            Assert.Equal(new string(once.Chars), new string(twice.Chars));
        }
    }

    [Fact]
    public void Apply_ComposedCharacter_CoversItsParts()
    {
        MappedText source = MappedText.FromText("xe\u0301y");
        MappedText result = new CanonicalComposition().Apply(source, 0, source.Length);
        Assert.Equal("xéy", new string(result.Chars));
        Assert.Equal([(0, 1), (1, 3), (3, 4)], Enumerable.Range(0, 3).Select(i => (result.Start(i), result.End(i))));
    }
}
