using FedLLM.Engine.Files;
using FedLLM.Engine.Tokenization;

namespace FedLLM.Engine.Tests.Tokenization;

public sealed class SentencePieceModelTests
{
    private static readonly string[] Alphabet = ["a", "b", "c", " ", "é", "😀"];

    // Pieces and scores of a small unigram model over this alphabet, spaces as U+2581; "c" has no piece of its own. Scores are dyadic, so that sums are
    // exact in any order.
    private static readonly (string Text, float Score)[] UnigramPieces =
    [
        ("a", -2.5f), ("b", -3f), ("ab", -3.25f), ("▁", -2f), ("▁a", -4.75f), ("abca", -6f), ("ca", -7.5f), ("é", -5f), ("😀b", -6.5f), ("bb", -5.75f),
    ];

    private static readonly float UnknownScore = UnigramPieces.Min(piece => piece.Score) - 10;

    [Fact]
    public void Encode_Unigram_ReachesTheBestScoreOfAllSegmentations()
    {
        ModelBytes model = new ModelBytes(isBytePair: false).Normalizer(addsDummyPrefix: true, removesExtraWhitespaces: false);
        foreach ((string text, float score) in UnigramPieces)
        {
            model.Piece(text, score);
        }

        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model.ToArray());
        ITokenizer tokenizer = folder.Load();
        for (int i = 0; i < 300; i++)
        {
            string text = TextSamples.Random(Alphabet, 9, i);
            string normalized = text.Length == 0 ? string.Empty : "▁" + text.Replace(' ', '▁');
            IReadOnlyList<Token> tokens = tokenizer.Encode(text);
            double score = 0;
            int length = 0;
            foreach (Token token in tokens)
            {
                // A token's text: its piece, or (id 0) the characters its offsets give, each at the price of an unknown one.
                string surface = token.Id == 0 ? text[token.Start..token.End] : UnigramPieces[token.Id - 3].Text;
                Assert.Equal(normalized.AsSpan(length, surface.Length).ToString(), surface.Replace(' ', '▁'));
                score += token.Id == 0 ? UnknownScore * surface.EnumerateRunes().Count() : UnigramPieces[token.Id - 3].Score;
                length += surface.Length;
            }

            Assert.Equal(normalized.Length, length);
            Assert.Equal(BestScore(normalized), score);
            OffsetChecks.CoversInOrder(text, tokens);
        }
    }

    // Tries every segmentation.
    private static double BestScore(string rest)
    {
        if (rest.Length == 0)
        {
            return 0;
        }

        int width = char.IsHighSurrogate(rest[0]) ? 2 : 1;
        bool hasCharacter = UnigramPieces.Any(piece => piece.Text == rest[..width]);
        double best = hasCharacter ? double.NegativeInfinity : UnknownScore + BestScore(rest[width..]);
        foreach ((string text, float score) in UnigramPieces)
        {
            if (rest.StartsWith(text, StringComparison.Ordinal))
            {
                best = Math.Max(best, score + BestScore(rest[text.Length..]));
            }
        }

        return best;
    }

    [Fact]
    public void Encode_UnigramUnknownRun_IsOneToken()
    {
        byte[] model = new ModelBytes(isBytePair: false).Normalizer(false, false).Piece("a", -1).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        Assert.Equal([new Token(3, 0, 1), new Token(0, 1, 5), new Token(3, 5, 6)], folder.Load().Encode("ax😀ya"));
    }

    [Fact]
    public void Encode_UnigramWithBytes_FallsBackByCharacter()
    {
        byte[] model = new ModelBytes(isBytePair: false).Normalizer(false, false).BytePieces().Piece("a", -1).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        IReadOnlyList<Token> tokens = folder.Load().Encode("aé");
        Assert.Equal([new Token(259, 0, 1), new Token(3 + 0xC3, 1, 2), new Token(3 + 0xA9, 1, 2)], tokens);
        Assert.Equal("aé\uFFFD\uFFFD", folder.Load().Decode([259, 3 + 0xC3, 3 + 0xA9, 3 + 0xE6, 3 + 0x97]));
    }

    [Fact]
    public void Encode_BytePair_HighestScoreFirstThenLeftmost()
    {
        // In "abab": "ba" (-1) beats "ab" (-2), so a|ba|b, where nothing is left to merge. In "aaa" the left pair of equals merges.
        byte[] model = new ModelBytes(isBytePair: true).Normalizer(false, false)
            .Piece("a", -9).Piece("b", -9).Piece("ab", -2).Piece("ba", -1).Piece("aa", -3).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        ITokenizer tokenizer = folder.Load();
        Assert.Equal([3, 6, 4], tokenizer.Encode("abab").Select(token => token.Id));
        Assert.Equal([7, 3], tokenizer.Encode("aaa").Select(token => token.Id));
    }

    [Fact]
    public void Encode_UserDefinedPiece_IsCutOutFirst()
    {
        // "<x>" is taken whole although "a<" would merge; the longer user-defined piece wins.
        byte[] model = new ModelBytes(isBytePair: true).Normalizer(false, false)
            .Piece("a", -1).Piece("<", -1).Piece("a<", 0).Piece("<x>", 0, ModelBytes.UserDefined).Piece("<x>y", 0, ModelBytes.UserDefined).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        Assert.Equal([3, 6, 3, 7, 5], folder.Load().Encode("a<x>a<x>ya<").Select(token => token.Id));
    }

    [Fact]
    public void Encode_UnusedPiece_IsTakenApartAgain()
    {
        // "ab" helps to reach "abc" but does not stand by itself.
        byte[] model = new ModelBytes(isBytePair: true).Normalizer(false, false)
            .Piece("a", -9).Piece("b", -9).Piece("c", -9).Piece("ab", -1, ModelBytes.Unused).Piece("abc", -2).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        ITokenizer tokenizer = folder.Load();
        Assert.Equal([7], tokenizer.Encode("abc").Select(token => token.Id));
        Assert.Equal([3, 4, 3, 4], tokenizer.Encode("abab").Select(token => token.Id));
    }

    [Fact]
    public void Encode_RemovesExtraWhitespaces_TokensStillCoverTheText()
    {
        byte[] model = new ModelBytes(isBytePair: true).Normalizer(addsDummyPrefix: true, removesExtraWhitespaces: true)
            .Piece("▁", -1).Piece("a", -2).Piece("b", -3).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        ITokenizer tokenizer = folder.Load();
        string text = "  a   b  ";

        // "▁a▁b": the prefix covers the leading spaces, each character the dropped spaces after it.
        IReadOnlyList<Token> tokens = tokenizer.Encode(text);
        Assert.Equal([new Token(3, 0, 2), new Token(4, 2, 3), new Token(3, 3, 6), new Token(5, 6, 9)], tokens);
        Assert.Empty(tokenizer.Encode("   "));
        Assert.Equal("a b", tokenizer.Decode([.. tokens.Select(token => token.Id)]));
    }

    [Fact]
    public void Encode_Charsmap_LongestRuleApplies()
    {
        byte[] charsmap = ModelBytes.Charsmap(("ｆ", "f"), ("ﬁ", "fi"), ("e\u0301", "é"), ("\t", " "), ("\u0001", string.Empty));
        byte[] model = new ModelBytes(isBytePair: true).Normalizer(false, false, charsmap)
            .Piece("f", -1).Piece("i", -1).Piece("é", -1).Piece("e", -1).Piece("▁", -1).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        IReadOnlyList<Token> tokens = folder.Load().Encode("ｆ\u0001ﬁe\u0301e\t");

        // Both halves of the ligature cover it; the dropped U+0001 is covered by the character before it.
        Assert.Equal(
            [new Token(3, 0, 2), new Token(3, 2, 3), new Token(4, 2, 3), new Token(5, 3, 5), new Token(6, 5, 6), new Token(7, 6, 7)], tokens);
    }

    [Theory]
    [InlineData("<unk>")]
    [InlineData("a")]
    public void Load_PieceTwice_IsRefused(string twice)
    {
        byte[] model = new ModelBytes(isBytePair: true).Piece("a", 0).Piece(twice, 0).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        InputFileException exception = Assert.Throws<InputFileException>(folder.Load);
        Assert.Equal("piece 4", exception.Place);
    }

    [Fact]
    public void Load_MissingBytePiece_IsRefused()
    {
        byte[] model = new ModelBytes(isBytePair: true).Piece("<0x00>", 0, ModelBytes.Byte).ToArray();
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", model);
        Assert.Contains("byte fallback", Assert.Throws<InputFileException>(folder.Load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_NoConfig_BytePairAddsBeginOfSequence()
    {
        using TokenizerFolder bytePair = new TokenizerFolder().With("tokenizer.model", new ModelBytes(isBytePair: true).Piece("a", 0).ToArray());
        using TokenizerFolder unigram = new TokenizerFolder().With("tokenizer.model", new ModelBytes(isBytePair: false).Piece("a", 0).ToArray());
        Assert.True(bytePair.Load().AddsBeginOfSequence);
        Assert.False(unigram.Load().AddsBeginOfSequence);
        Assert.Equal(1, bytePair.Load().BeginOfSequenceId);
        Assert.Equal(2, bytePair.Load().EndOfSequenceId);
    }

    [Fact]
    public void Decode_IdOutsideVocabulary_Throws()
    {
        using TokenizerFolder folder = new TokenizerFolder().With("tokenizer.model", new ModelBytes(isBytePair: true).Piece("a", 0).ToArray());
        ITokenizer tokenizer = folder.Load();
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([4]));
        Assert.Throws<ArgumentOutOfRangeException>(() => tokenizer.Decode([-1]));
    }
}
