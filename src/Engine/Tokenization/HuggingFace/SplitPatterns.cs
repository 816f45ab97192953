using System.Globalization;
using System.Text;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>A pattern that cuts text into matches and what lies between them.</summary>
internal interface ISplitPattern
{
    /// <summary>Appends the end of every part of <paramref name="text"/> in order, with whether it is a match; the last end is the text's length.</summary>
    void Cut(ReadOnlySpan<char> text, List<(int End, bool IsMatch)> parts);
}

/// <summary>Matches a text literally.</summary>
internal sealed class LiteralPattern(string literal) : ISplitPattern
{
    /// <inheritdoc/>
    public void Cut(ReadOnlySpan<char> text, List<(int End, bool IsMatch)> parts)
    {
        int position = 0;
        while (position < text.Length)
        {
            int found = text[position..].IndexOf(literal, StringComparison.Ordinal);
            if (found != 0)
            {
                position = found < 0 ? text.Length : position + found;
                parts.Add((position, false));
            }

            if (found >= 0)
            {
                position += literal.Length;
                parts.Add((position, true));
            }
        }
    }
}

/// <summary>Matches each numeric character (Nd, Nl, No).</summary>
internal sealed class NumericPattern : ISplitPattern
{
    /// <inheritdoc/>
    public void Cut(ReadOnlySpan<char> text, List<(int End, bool IsMatch)> parts)
    {
        bool isOpen = false;
        for (int position = 0; position < text.Length;)
        {
            Rune rune = MappedText.RuneAt(text, position, out int length);
            if (SplitPatterns.ClassOf(rune) == CharacterClass.Number)
            {
                if (isOpen)
                {
                    parts.Add((position, false));
                }

                parts.Add((position + length, true));
                isOpen = false;
            }
            else
            {
                isOpen = true;
            }

            position += length;
        }

        if (isOpen)
        {
            parts.Add((text.Length, false));
        }
    }
}

/// <summary>What the patterns distinguish: \p{L}, \p{N}, \s and the rest.</summary>
internal enum CharacterClass
{
    Letter,
    Number,
    Space,
    Other,
}

/// <summary>
/// The patterns of the tokenizers in use, matched by hand on code points. (A .NET regular expression works on UTF-16 and sees no letter in a
/// supplementary character.)
/// </summary>
internal static class SplitPatterns
{
    /// <summary>GPT-2 (encoder.py), also what ByteLevel means by use_regex.</summary>
    public static readonly ISplitPattern Gpt2 = new Gpt2Pattern();

    private const string Gpt2Source = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string Llama3Source =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Qwen2Source =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Finds the pattern a regular expression is known to be, or null.</summary>
    public static ISplitPattern? Find(string regex) => regex switch
    {
        Gpt2Source => Gpt2,
        Llama3Source => new WordPattern(maximumDigits: 3),
        Qwen2Source => new WordPattern(maximumDigits: 1),
        _ => null,
    };

    /// <summary>The class of a code point; whitespace is Unicode's White_Space.</summary>
    public static CharacterClass ClassOf(Rune rune)
    {
        if (rune.IsAscii)
        {
            int value = rune.Value;
            return (value | 0x20) is >= 'a' and <= 'z' ? CharacterClass.Letter
                : value is >= '0' and <= '9' ? CharacterClass.Number
                : value is ' ' or (>= '\t' and <= '\r') ? CharacterClass.Space
                : CharacterClass.Other;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
            _ => Rune.IsWhiteSpace(rune) ? CharacterClass.Space : CharacterClass.Other,
        };
    }

    /// <summary>Moves over the run of one class that starts at <paramref name="position"/>; returns its end.</summary>
    public static int RunEnd(ReadOnlySpan<char> text, int position, CharacterClass kind, int maximum = int.MaxValue)
    {
        for (int count = 0; position < text.Length && count < maximum; count++)
        {
            Rune rune = MappedText.RuneAt(text, position, out int length);
            if (ClassOf(rune) != kind)
            {
                break;
            }

            position += length;
        }

        return position;
    }

    /// <summary>
    /// The end of <c>\s+(?!\S)|\s+</c> at <paramref name="position"/>: the whole run of whitespace at the end of the text or if it is one character,
    /// else all but its last character. Whitespace is never a surrogate pair.
    /// </summary>
    public static int SpaceEnd(ReadOnlySpan<char> text, int position)
    {
        int end = RunEnd(text, position, CharacterClass.Space);
        return end == text.Length || end - position == 1 ? end : end - 1;
    }
}

/// <summary><c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c></summary>
internal sealed class Gpt2Pattern : ISplitPattern
{
    /// <inheritdoc/>
    public void Cut(ReadOnlySpan<char> text, List<(int End, bool IsMatch)> parts)
    {
        for (int position = 0; position < text.Length;)
        {
            position = MatchEnd(text, position);
            parts.Add((position, true));
        }
    }

    private static int MatchEnd(ReadOnlySpan<char> text, int position)
    {
        int contraction = Contraction(text[position..]);
        if (contraction > 0)
        {
            return position + contraction;
        }

        // " ?" then a run of letters, of numbers or of the rest.
        int start = text[position] == ' ' && position + 1 < text.Length ? position + 1 : position;
        CharacterClass kind = SplitPatterns.ClassOf(MappedText.RuneAt(text, start, out _));
        return kind == CharacterClass.Space ? SplitPatterns.SpaceEnd(text, position) : SplitPatterns.RunEnd(text, start, kind);
    }

    private static int Contraction(ReadOnlySpan<char> rest) => rest switch
    {
        ['\'', 'r' or 'v', 'e', ..] or ['\'', 'l', 'l', ..] => 3,
        ['\'', 's' or 't' or 'm' or 'd', ..] => 2,
        _ => 0,
    };
}

/// <summary>
/// <c>(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,k}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+</c> with k =
/// <paramref name="maximumDigits"/>: 3 for Llama 3 (after OpenAI's cl100k), 1 for Qwen2.
/// </summary>
internal sealed class WordPattern(int maximumDigits) : ISplitPattern
{
    /// <inheritdoc/>
    public void Cut(ReadOnlySpan<char> text, List<(int End, bool IsMatch)> parts)
    {
        for (int position = 0; position < text.Length;)
        {
            position = MatchEnd(text, position);
            parts.Add((position, true));
        }
    }

    private int MatchEnd(ReadOnlySpan<char> text, int position)
    {
        int contraction = Contraction(text[position..]);
        if (contraction > 0)
        {
            return position + contraction;
        }

        CharacterClass kind = SplitPatterns.ClassOf(MappedText.RuneAt(text, position, out int length));
        if (kind == CharacterClass.Letter)
        {
            return SplitPatterns.RunEnd(text, position, CharacterClass.Letter);
        }

        if (kind == CharacterClass.Number)
        {
            return SplitPatterns.RunEnd(text, position, CharacterClass.Number, maximumDigits);
        }

        // One character that is no line end, then letters.
        if (text[position] is not ('\r' or '\n'))
        {
            int letters = SplitPatterns.RunEnd(text, position + length, CharacterClass.Letter);
            if (letters > position + length)
            {
                return letters;
            }
        }

        // " ?" then a run of the rest, and the line ends after it.
        int start = text[position] == ' ' ? position + 1 : position;
        int others = SplitPatterns.RunEnd(text, start, CharacterClass.Other);
        if (others > start)
        {
            int lines = text[others..].IndexOfAnyExcept('\r', '\n');
            return lines < 0 ? text.Length : others + lines;
        }

        // Whitespace up to its last line end, else \s+(?!\S)|\s+.
        int spaces = SplitPatterns.RunEnd(text, position, CharacterClass.Space);
        int lastLine = text[position..spaces].LastIndexOfAny('\r', '\n');
        return lastLine >= 0 ? position + lastLine + 1 : SplitPatterns.SpaceEnd(text, position);
    }

    // Case-insensitive by Unicode's simple folding: U+017F (long s) folds to s; no other character folds to one of these letters.
    private static int Contraction(ReadOnlySpan<char> rest)
    {
        if (rest.Length < 2 || rest[0] != '\'')
        {
            return 0;
        }

        char next = (char)(rest.Length > 2 ? rest[2] | 0x20 : 0);
        return (char)(rest[1] | 0x20) switch
        {
            's' or 't' or 'm' or 'd' => 2,
            'r' or 'v' when next == 'e' => 3,
            'l' when next == 'l' => 3,
            _ => rest[1] == '\u017F' ? 2 : 0,
        };
    }
}
