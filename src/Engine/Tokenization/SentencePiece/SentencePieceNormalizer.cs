namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>
/// Turns text into what the pieces are matched against: character map, spaces, dummy prefix (normalizer.cc, Normalizer::Normalize). Dropped spaces
/// are covered by the character before them, so that the result covers the whole text.
/// </summary>
internal sealed class SentencePieceNormalizer
{
    private readonly SentencePieceModel _model;
    private readonly PieceTrie _userDefined;
    private readonly char _space;

    /// <summary>Makes the normalizer of a model.</summary>
    /// <param name="model">The model.</param>
    /// <param name="userDefined">Its user-defined pieces, which pass through as they are.</param>
    public SentencePieceNormalizer(SentencePieceModel model, PieceTrie userDefined)
    {
        _model = model;
        _userDefined = userDefined;
        _space = model.EscapesWhitespaces ? WordBoundaries.SpaceSymbol : ' ';
    }

    /// <summary>Normalizes <paramref name="text"/>; the result is empty if the text is, or if it holds nothing but dropped spaces.</summary>
    public MappedText Normalize(string text)
    {
        MappedText source = MappedText.FromText(text);
        MappedText result = new(text.Length + 1);
        bool drop = _model.RemovesExtraWhitespaces;
        int position = drop ? SkipSpaces(source) : 0;
        if (position == source.Length)
        {
            return result;
        }

        // Dropped leading characters are covered by the first character of the result.
        if (!_model.TreatsWhitespaceAsSuffix && _model.AddsDummyPrefix)
        {
            result.Append(_space, 0, source.Place(position));
        }

        bool afterSpace = drop;
        while (position < source.Length)
        {
            int length = NextUnit(source.Chars[position..], out ReadOnlySpan<char> unit, out bool replaced);
            int end = source.End(position + length - 1);
            ReadOnlySpan<char> kept = afterSpace ? unit.TrimStart(' ') : unit;
            for (int i = unit.Length - kept.Length; i < unit.Length; i++)
            {
                char c = unit[i] == ' ' ? _space : unit[i];
                bool isFirst = result.Length == 0;
                int start = isFirst ? 0 : source.Start(replaced ? position : position + i);
                result.Append(c, start, replaced ? end : source.End(position + i));
            }

            if (kept.IsEmpty && result.Length > 0)
            {
                result.Cover(result.Length - 1, end);
            }

            afterSpace = drop && (kept.IsEmpty ? afterSpace : kept[^1] == ' ');
            position += length;
        }

        if (drop)
        {
            result.Truncate(result.Chars.TrimEnd(_space).Length);
        }

        if (_model.TreatsWhitespaceAsSuffix && _model.AddsDummyPrefix)
        {
            result.Append(_space, text.Length, text.Length);
        }

        return result;
    }

    private int SkipSpaces(MappedText source)
    {
        int position = 0;
        while (position < source.Length)
        {
            int length = NextUnit(source.Chars[position..], out ReadOnlySpan<char> unit, out _);
            if (unit is not " ")
            {
                break;
            }

            position += length;
        }

        return position;
    }

    /// <summary>Finds what the start of <paramref name="rest"/> is normalized to; returns how many of its characters that takes.</summary>
    private int NextUnit(ReadOnlySpan<char> rest, out ReadOnlySpan<char> unit, out bool replaced)
    {
        replaced = false;
        int length = _userDefined.IsEmpty ? 0 : _userDefined.MatchLongest(rest, out _);
        if (length == 0 && _model.CharacterMap is not null)
        {
            length = _model.CharacterMap.Match(rest, out string replacement);
            if (length > 0)
            {
                unit = replacement;
                replaced = true;
                return length;
            }
        }

        if (length == 0)
        {
            MappedText.RuneAt(rest, 0, out length);
        }

        unit = rest[..length];
        return length;
    }
}
