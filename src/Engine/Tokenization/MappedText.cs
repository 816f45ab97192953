using System.Text;

namespace FedLLM.Engine.Tokenization;

/// <summary>
/// Text on its way from the caller's string to a vocabulary, with the place in the original each character comes from. It holds no lone
/// surrogate: a supplementary character is always a pair, both halves mapped to the same place.
/// </summary>
internal sealed class MappedText
{
    private char[] _chars;
    private int[] _starts;
    private int[] _ends;

    /// <summary>Makes an empty text with room for <paramref name="capacity"/> characters.</summary>
    public MappedText(int capacity)
    {
        _chars = new char[capacity];
        _starts = new int[capacity];
        _ends = new int[capacity];
    }

    /// <summary>Number of UTF-16 characters.</summary>
    public int Length { get; private set; }

    /// <summary>The characters.</summary>
    public ReadOnlySpan<char> Chars => _chars.AsSpan(0, Length);

    /// <summary>Copies <paramref name="text"/>; a lone surrogate becomes U+FFFD.</summary>
    public static MappedText FromText(string text)
    {
        MappedText result = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            char c = text[i];
            if (!char.IsSurrogate(c))
            {
                result.Append(c, i, i + 1);
                i++;
            }
            else if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
            {
                result.Append(c, i, i + 2);
                result.Append(text[i + 1], i, i + 2);
                i += 2;
            }
            else
            {
                result.Append('\uFFFD', i, i + 1);
                i++;
            }
        }

        return result;
    }

    /// <summary>The first original character that character <paramref name="index"/> comes from.</summary>
    public int Start(int index) => _starts[index];

    /// <summary>One past the last original character that character <paramref name="index"/> comes from.</summary>
    public int End(int index) => _ends[index];

    /// <summary>The place in the original of a position between characters: where <paramref name="index"/> starts, or where the text ends.</summary>
    public int Place(int index) => index < Length ? _starts[index] : Length == 0 ? 0 : _ends[Length - 1];

    /// <summary>Appends one UTF-16 character that stands for the original characters [start, end).</summary>
    public void Append(char c, int start, int end)
    {
        if (Length == _chars.Length)
        {
            int capacity = Math.Max(16, 2 * Length);
            Array.Resize(ref _chars, capacity);
            Array.Resize(ref _starts, capacity);
            Array.Resize(ref _ends, capacity);
        }

        _chars[Length] = c;
        _starts[Length] = start;
        _ends[Length] = end;
        Length++;
    }

    /// <summary>Appends characters that all stand for the original characters [start, end).</summary>
    public void Append(ReadOnlySpan<char> chars, int start, int end)
    {
        foreach (char c in chars)
        {
            Append(c, start, end);
        }
    }

    /// <summary>Appends the characters [from, to) of another text with their places.</summary>
    public void Append(MappedText source, int from, int to)
    {
        for (int i = from; i < to; i++)
        {
            Append(source._chars[i], source._starts[i], source._ends[i]);
        }
    }

    /// <summary>Drops the characters from <paramref name="length"/> on; the last one kept stands for what they stood for as well.</summary>
    public void Truncate(int length)
    {
        if (length > 0 && length < Length)
        {
            Cover(length - 1, _ends[Length - 1]);
        }

        Length = length;
    }

    /// <summary>Makes character <paramref name="index"/> reach to the original position <paramref name="end"/>.</summary>
    public void Cover(int index, int end) => _ends[index] = end;

    /// <summary>The code point at <paramref name="index"/> of a text without lone surrogates, and its length in UTF-16 characters.</summary>
    public static Rune RuneAt(ReadOnlySpan<char> chars, int index, out int length)
    {
        Rune.DecodeFromUtf16(chars[index..], out Rune rune, out length);
        return rune;
    }
}
