using FedLLM.Engine.Tokenization;

namespace FedLLM.Data.Tests;

/// <summary>
/// Cuts a text into the pieces a test dictates. A piece's id is its position in the text, plus 10; ids 1 and 2 are begin- and end-of-sequence.
/// </summary>
internal sealed class FakeTokenizer(Func<string, IEnumerable<string>> cut, bool addsBegin = true, bool hasEnd = true) : ITokenizer
{
    public const int Begin = 1;
    public const int End = 2;
    public const int First = 10;

    /// <summary>Pieces of one character.</summary>
    public static FakeTokenizer Characters(bool addsBegin = true, bool hasEnd = true) => new(t => t.Select(c => c.ToString()), addsBegin, hasEnd);

    /// <summary>Pieces are words with the space before them.</summary>
    public static FakeTokenizer Words(bool addsBegin = true, bool hasEnd = true) => new(CutWords, addsBegin, hasEnd);

    public int VocabularySize => 1 << 20;

    public int? BeginOfSequenceId => Begin;

    public int? EndOfSequenceId => hasEnd ? End : null;

    public bool AddsBeginOfSequence => addsBegin;

    public bool AddsEndOfSequence => false;

    public int Encodings { get; private set; }

    public IReadOnlyList<Token> Encode(string text)
    {
        Encodings++;
        var tokens = new List<Token>();
        int start = 0;
        foreach (string piece in cut(text))
        {
            tokens.Add(new Token(First + tokens.Count, start, start + piece.Length));
            start += piece.Length;
        }

        return tokens;
    }

    public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false) => throw new NotSupportedException();

    private static IEnumerable<string> CutWords(string text)
    {
        int start = 0;
        for (int i = 1; i <= text.Length; i++)
        {
            if (i == text.Length || text[i] == ' ')
            {
                yield return text[start..i];
                start = i;
            }
        }
    }
}
