namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Rewrites text before it is cut.</summary>
internal interface INormalizer
{
    /// <summary>Rewrites the characters [start, end) of <paramref name="text"/>.</summary>
    MappedText Apply(MappedText text, int start, int end);
}

/// <summary>Applies normalizers one after the other (Sequence).</summary>
internal sealed class NormalizerSequence(IReadOnlyList<INormalizer> steps) : INormalizer
{
    /// <inheritdoc/>
    public MappedText Apply(MappedText text, int start, int end)
    {
        if (steps.Count == 0)
        {
            MappedText copy = new(end - start);
            copy.Append(text, start, end);
            return copy;
        }

        MappedText result = steps[0].Apply(text, start, end);
        for (int i = 1; i < steps.Count; i++)
        {
            result = steps[i].Apply(result, 0, result.Length);
        }

        return result;
    }
}

/// <summary>Puts a text before each non-empty stretch (Prepend).</summary>
internal sealed class PrependNormalizer(string prefix) : INormalizer
{
    /// <inheritdoc/>
    public MappedText Apply(MappedText text, int start, int end)
    {
        MappedText result = new(end - start + prefix.Length);
        if (start < end)
        {
            result.Append(prefix, text.Start(start), text.Start(start));
            result.Append(text, start, end);
        }

        return result;
    }
}

/// <summary>Replaces every occurrence of a text (Replace with a String pattern).</summary>
internal sealed class ReplaceNormalizer(string pattern, string content) : INormalizer
{
    /// <inheritdoc/>
    public MappedText Apply(MappedText text, int start, int end)
    {
        MappedText result = new(end - start);
        ReadOnlySpan<char> chars = text.Chars[..end];
        for (int i = start; i < end;)
        {
            int found = chars[i..].IndexOf(pattern, StringComparison.Ordinal);
            int stop = found < 0 ? end : i + found;
            result.Append(text, i, stop);
            i = stop;
            if (found >= 0)
            {
                int last = i + pattern.Length - 1;
                result.Append(content, text.Start(i), text.End(last));
                i = last + 1;
            }
        }

        return result;
    }
}
