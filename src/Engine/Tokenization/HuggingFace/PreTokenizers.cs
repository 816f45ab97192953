using System.Text;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Applies pre-tokenizers one after the other (Sequence).</summary>
internal sealed class PreTokenizerSequence(IReadOnlyList<IPreTokenizer> steps) : IPreTokenizer
{
    /// <inheritdoc/>
    public Words Apply(Words words)
    {
        foreach (IPreTokenizer step in steps)
        {
            words = step.Apply(words);
        }

        return words;
    }
}

/// <summary>What becomes of the matches of a Split (tokenizers, SplitDelimiterBehavior).</summary>
internal enum SplitBehavior
{
    Removed,
    Isolated,
    MergedWithPrevious,
    MergedWithNext,
    Contiguous,
}

/// <summary>Cuts at the matches of a pattern (Split, Digits).</summary>
internal sealed class SplitPreTokenizer(ISplitPattern pattern, SplitBehavior behavior, bool invert) : IPreTokenizer
{
    /// <inheritdoc/>
    public Words Apply(Words words)
    {
        List<(int Start, int End)> ranges = new(words.Ranges.Count);
        List<(int End, bool IsMatch)> parts = [];
        foreach ((int start, int end) in words.Ranges)
        {
            parts.Clear();
            pattern.Cut(words.Text.Chars[start..end], parts);
            Collect(parts, start, ranges);
        }

        return words with { Ranges = ranges };
    }

    private void Collect(List<(int End, bool IsMatch)> parts, int origin, List<(int Start, int End)> ranges)
    {
        int first = ranges.Count;
        int start = origin;
        bool wasMatch = false;
        for (int i = 0; i < parts.Count; i++)
        {
            bool isMatch = parts[i].IsMatch != invert;
            int end = origin + parts[i].End;

            // A delimiter merged with the next part joins it only if that part is none; a run of delimiters stays apart but for its last.
            bool joins = ranges.Count > first && behavior switch
            {
                SplitBehavior.Contiguous => isMatch == wasMatch,
                SplitBehavior.MergedWithPrevious => isMatch && !wasMatch,
                SplitBehavior.MergedWithNext => wasMatch && !isMatch,
                _ => false,
            };
            if (joins)
            {
                ranges[^1] = (ranges[^1].Start, end);
            }
            else if (!(isMatch && behavior == SplitBehavior.Removed))
            {
                ranges.Add((start, end));
            }

            wasMatch = isMatch;
            start = end;
        }
    }
}

/// <summary>Cuts by GPT-2's pattern and writes each byte of the UTF-8 form as a printable character (ByteLevel).</summary>
internal sealed class ByteLevelPreTokenizer(bool addPrefixSpace, bool useRegex) : IPreTokenizer
{
    private static readonly SplitPreTokenizer Gpt2 = new(SplitPatterns.Gpt2, SplitBehavior.Isolated, invert: false);

    /// <inheritdoc/>
    public Words Apply(Words words)
    {
        Words spaced = addPrefixSpace ? Prefixer.Apply(words, ' ') : words;
        Words cut = useRegex ? Gpt2.Apply(spaced) : spaced;
        MappedText bytes = new(cut.Length);
        List<(int Start, int End)> ranges = new(cut.Ranges.Count);
        Span<byte> utf8 = stackalloc byte[4];
        foreach ((int start, int end) in cut.Ranges)
        {
            int from = bytes.Length;
            for (int i = start; i < end;)
            {
                Rune rune = MappedText.RuneAt(cut.Text.Chars, i, out int length);
                int count = rune.EncodeToUtf8(utf8);
                for (int b = 0; b < count; b++)
                {
                    bytes.Append(ByteAlphabet.ToCharacter(utf8[b]), cut.Text.Start(i), cut.Text.End(i));
                }

                i += length;
            }

            ranges.Add((from, bytes.Length));
        }

        return new Words(bytes, ranges);
    }
}

/// <summary>When a Metaspace puts its symbol before a stretch.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Writes spaces as a symbol and cuts before it (Metaspace).</summary>
internal sealed class MetaspacePreTokenizer(char replacement, PrependScheme scheme, bool split) : IPreTokenizer
{
    private readonly SplitPreTokenizer _splitter =
        new(new LiteralPattern(replacement.ToString()), SplitBehavior.MergedWithNext, invert: false);

    /// <inheritdoc/>
    public Words Apply(Words words)
    {
        Words replaced = Replace(words);
        if (scheme != PrependScheme.Never)
        {
            replaced = Prefixer.Apply(replaced, replacement, onlyAtStart: scheme == PrependScheme.First);
        }

        return split ? _splitter.Apply(replaced) : replaced;
    }

    private Words Replace(Words words)
    {
        MappedText text = new(words.Length);
        List<(int Start, int End)> ranges = new(words.Ranges.Count);
        foreach ((int start, int end) in words.Ranges)
        {
            int from = text.Length;
            for (int i = start; i < end; i++)
            {
                char c = words.Text.Chars[i];
                text.Append(c == ' ' ? replacement : c, words.Text.Start(i), words.Text.End(i));
            }

            ranges.Add((from, text.Length));
        }

        return new Words(text, ranges);
    }
}

/// <summary>Puts a character before each stretch that does not start with it.</summary>
internal static class Prefixer
{
    /// <summary>Copies the words with the prefix, which stands for no original character.</summary>
    public static Words Apply(Words words, char prefix, bool onlyAtStart = false)
    {
        MappedText text = new(words.Length + words.Ranges.Count);
        List<(int Start, int End)> ranges = new(words.Ranges.Count);
        foreach ((int start, int end) in words.Ranges)
        {
            int from = text.Length;
            int place = words.Text.Start(start);
            if (words.Text.Chars[start] != prefix && (!onlyAtStart || place == 0))
            {
                text.Append(prefix, place, place);
            }

            text.Append(words.Text, start, end);
            ranges.Add((from, text.Length));
        }

        return new Words(text, ranges);
    }
}
