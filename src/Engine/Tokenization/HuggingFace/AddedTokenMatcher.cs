using System.Buffers;
using System.Globalization;
using System.Text;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>
/// Finds added tokens: leftmost, longest first (added_vocabulary.rs, find_matches).
/// </summary>
internal sealed class AddedTokenMatcher
{
    private readonly List<AddedToken> _tokens = [];
    private readonly PieceTrie _trie = new();
    private readonly SearchValues<char> _firstCharacters;

    /// <summary>Indexes tokens by the text to find them by.</summary>
    /// <param name="tokens">The tokens, each with its text; an empty text is never found.</param>
    public AddedTokenMatcher(IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        HashSet<char> first = [];
        foreach ((AddedToken token, string text) in tokens)
        {
            if (text.Length > 0)
            {
                _trie.Add(text, _tokens.Count);
                _tokens.Add(token);
                first.Add(text[0]);
            }
        }

        _firstCharacters = SearchValues.Create([.. first]);
    }

    /// <summary>Cuts [start, end) of <paramref name="text"/> into stretches in order; those without a token are left for the model.</summary>
    public IEnumerable<(AddedToken? Token, int Start, int End)> Split(MappedText text, int start, int end)
    {
        int done = start;
        int position = start;
        while (TryFind(text.Chars[..end], ref position, out int length, out AddedToken? token))
        {
            int from = position;
            int to = position + length;
            position = to;
            ReadOnlySpan<char> chars = text.Chars[start..end];
            if (token.SingleWord && (EndsInWord(chars[..(from - start)]) || StartsInWord(chars[(to - start)..])))
            {
                continue;
            }

            if (token.StripsLeft)
            {
                from = start + Math.Max(done - start, chars[..(from - start)].TrimEnd().Length);
            }

            if (token.StripsRight)
            {
                to = end - chars[(to - start)..].TrimStart().Length;
                position = Math.Max(position, to);
            }

            if (done < from)
            {
                yield return (null, done, from);
            }

            yield return (token, from, to);
            done = to;
        }

        if (done < end)
        {
            yield return (null, done, end);
        }
    }

    private bool TryFind(ReadOnlySpan<char> chars, ref int position, out int length, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out AddedToken? token)
    {
        while (position < chars.Length)
        {
            int skip = chars[position..].IndexOfAny(_firstCharacters);
            if (skip < 0)
            {
                break;
            }

            position += skip;
            length = _trie.MatchLongest(chars[position..], out int index);
            if (length > 0)
            {
                token = _tokens[index];
                return true;
            }

            position++;
        }

        length = 0;
        token = null;
        return false;
    }

    private static bool StartsInWord(ReadOnlySpan<char> chars) =>
        Rune.DecodeFromUtf16(chars, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    private static bool EndsInWord(ReadOnlySpan<char> chars) =>
        Rune.DecodeLastFromUtf16(chars, out Rune rune, out _) == OperationStatus.Done && IsWord(rune);

    // \w of Unicode regular expressions (UTS 18, annex C): alphabetic, marks, decimal digits, connectors, joiners.
    private static bool IsWord(Rune rune) => rune.Value is 0x200C or 0x200D || Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter or UnicodeCategory.ModifierLetter
        or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark
        or UnicodeCategory.EnclosingMark or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation;
}
