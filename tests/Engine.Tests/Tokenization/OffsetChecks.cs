using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Tests.Tokenization;

/// <summary>What holds of the offsets of every encoded text.</summary>
internal static class OffsetChecks
{
    /// <summary>Checks that the tokens cover the whole text, in order and without a gap.</summary>
    public static void CoversInOrder(string text, IReadOnlyList<Token> tokens)
    {
        int covered = 0;
        int lastStart = 0;
        foreach (Token token in tokens)
        {
            Assert.InRange(token.Start, lastStart, covered);
            Assert.InRange(token.End, Math.Max(token.Start, covered), text.Length);
            lastStart = token.Start;
            covered = token.End;
        }

        Assert.Equal(text.Length, covered);
    }
}
