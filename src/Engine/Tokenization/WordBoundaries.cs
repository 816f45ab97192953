namespace FedLLM.Engine.Tokenization;

/// <summary>
/// Where text with spaces written as U+2581 can be cut without changing what merging makes of it: before such a space, where no piece of the
/// vocabulary holds the character before it followed by it. Merging word by word then gives what merging the whole text gives.
/// </summary>
internal sealed class WordBoundaries
{
    /// <summary>What stands for a space (U+2581).</summary>
    public const char SpaceSymbol = '\u2581';

    private readonly HashSet<char> _bridges = [];

    /// <summary>Takes a piece of the vocabulary into account.</summary>
    public void Add(ReadOnlySpan<char> piece)
    {
        for (int i = 1; i < piece.Length; i++)
        {
            if (piece[i] == SpaceSymbol)
            {
                _bridges.Add(piece[i - 1]);
            }
        }
    }

    /// <summary>Length of the first stretch of <paramref name="text"/> that no piece crosses the end of.</summary>
    public int FirstWordLength(ReadOnlySpan<char> text)
    {
        for (int i = 1; i < text.Length; i++)
        {
            if (text[i] == SpaceSymbol && !_bridges.Contains(text[i - 1]))
            {
                return i;
            }
        }

        return text.Length;
    }
}
