using System.Text;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>
/// Unicode normalization form C (UAX 15). The runtime's own needs a platform library that the project runs without. A stretch that changes maps as a
/// whole to the characters it came from.
/// </summary>
internal sealed class CanonicalComposition : INormalizer
{
    // Below U+0300 every character is its own normal form and composes with nothing before it.
    private const int FirstCombining = 0x300;

    // Hangul syllables are arithmetic (The Unicode Standard, section 3.12).
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TailCount;

    /// <inheritdoc/>
    public MappedText Apply(MappedText text, int start, int end)
    {
        MappedText result = new(end - start);
        ReadOnlySpan<char> chars = text.Chars[..end];
        for (int i = start; i < end;)
        {
            int next = i + 1;
            if (chars[i] >= FirstCombining || (next < end && chars[next] >= FirstCombining))
            {
                next = SegmentEnd(chars, i);
                AppendComposed(text, i, next, result);
            }
            else
            {
                result.Append(text, i, next);
            }

            i = next;
        }

        return result;
    }

    // A segment reaches to the next character that no character before it can compose with or be reordered across.
    private static int SegmentEnd(ReadOnlySpan<char> chars, int start)
    {
        MappedText.RuneAt(chars, start, out int length);
        int position = start + length;
        while (position < chars.Length && !StartsSegment(MappedText.RuneAt(chars, position, out length).Value))
        {
            position += length;
        }

        return position;
    }

    private static bool StartsSegment(int codePoint)
    {
        int first = codePoint;
        while (CanonicalData.Decompositions.TryGetValue(first, out (int First, int Second) parts))
        {
            first = parts.First;
        }

        return CanonicalData.CombiningClass(first) == 0 && !CanonicalData.SecondParts.Contains(first)
            && first is not ((>= VowelBase and < VowelBase + VowelCount) or (> TailBase and < TailBase + TailCount));
    }

    private static void AppendComposed(MappedText text, int start, int end, MappedText result)
    {
        ReadOnlySpan<char> original = text.Chars[start..end];
        Rune first = MappedText.RuneAt(original, 0, out int length);
        if (length == original.Length && !CanonicalData.Decompositions.ContainsKey(first.Value))
        {
            result.Append(text, start, end);
            return;
        }

        List<int> decomposed = [];
        foreach (Rune rune in original.EnumerateRunes())
        {
            Decompose(rune.Value, decomposed);
        }

        Reorder(decomposed);
        StringBuilder composed = new();
        foreach (int codePoint in Compose(decomposed))
        {
            composed.Append(char.ConvertFromUtf32(codePoint));
        }

        string form = composed.ToString();
        if (original.SequenceEqual(form))
        {
            result.Append(text, start, end);
        }
        else
        {
            result.Append(form, text.Start(start), text.End(end - 1));
        }
    }

    private static void Decompose(int codePoint, List<int> output)
    {
        int syllable = codePoint - SyllableBase;
        if (syllable is >= 0 and < SyllableCount)
        {
            output.Add(LeadBase + (syllable / (VowelCount * TailCount)));
            output.Add(VowelBase + (syllable % (VowelCount * TailCount) / TailCount));
            if (syllable % TailCount > 0)
            {
                output.Add(TailBase + (syllable % TailCount));
            }
        }
        else if (CanonicalData.Decompositions.TryGetValue(codePoint, out (int First, int Second) parts))
        {
            Decompose(parts.First, output);
            if (parts.Second != 0)
            {
                Decompose(parts.Second, output);
            }
        }
        else
        {
            output.Add(codePoint);
        }
    }

    // Sorts each run of combining characters by combining class, stably (UAX 15, canonical ordering).
    private static void Reorder(List<int> codePoints)
    {
        for (int start = 0; start < codePoints.Count; start++)
        {
            int end = start;
            while (end < codePoints.Count && CanonicalData.CombiningClass(codePoints[end]) != 0)
            {
                end++;
            }

            if (end - start > 1)
            {
                int[] sorted = [.. codePoints.GetRange(start, end - start).OrderBy(CanonicalData.CombiningClass)];
                for (int i = 0; i < sorted.Length; i++)
                {
                    codePoints[start + i] = sorted[i];
                }
            }

            start = Math.Max(start, end - 1);
        }
    }

    private static List<int> Compose(List<int> codePoints)
    {
        List<int> output = new(codePoints.Count);
        int starter = -1;
        int lastClass = -1;
        foreach (int codePoint in codePoints)
        {
            int combiningClass = CanonicalData.CombiningClass(codePoint);
            bool isReachable = starter >= 0 && (lastClass < combiningClass || lastClass == 0);
            if (isReachable && TryCompose(output[starter], codePoint, out int composed))
            {
                output[starter] = composed;
                continue;
            }

            if (combiningClass == 0)
            {
                starter = output.Count;
            }

            lastClass = combiningClass;
            output.Add(codePoint);
        }

        return output;
    }

    private static bool TryCompose(int first, int second, out int composed)
    {
        int lead = first - LeadBase;
        int vowel = second - VowelBase;
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
        {
            composed = SyllableBase + (((lead * VowelCount) + vowel) * TailCount);
            return true;
        }

        int syllable = first - SyllableBase;
        int tail = second - TailBase;
        if (syllable is >= 0 and < SyllableCount && syllable % TailCount == 0 && tail is > 0 and < TailCount)
        {
            composed = first + tail;
            return true;
        }

        return CanonicalData.Compositions.TryGetValue((first, second), out composed);
    }
}
