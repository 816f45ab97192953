namespace FedLLM.Engine.Tokenization;

/// <summary>Symbols of the words already seen in one text, so that each different word is merged once. Bounded; not safe for concurrent use.</summary>
internal sealed class WordCache
{
    // Beyond these a word is too rare, or too long, to be worth keeping.
    private const int MaximumWords = 1 << 17;
    private const int MaximumWordLength = 256;

    private readonly Dictionary<string, (int Offset, int Count)> _words = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Offset, int Count)>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly List<Symbol> _symbols = [];

    /// <summary>Makes an empty cache.</summary>
    public WordCache() => _lookup = _words.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Finds the symbols of a word seen before.</summary>
    public bool TryGet(ReadOnlySpan<char> word, List<Symbol> symbols)
    {
        if (!_lookup.TryGetValue(word, out (int Offset, int Count) entry))
        {
            return false;
        }

        symbols.Clear();
        for (int i = 0; i < entry.Count; i++)
        {
            symbols.Add(_symbols[entry.Offset + i]);
        }

        return true;
    }

    /// <summary>Keeps the symbols of a word, if there is room.</summary>
    public void Add(ReadOnlySpan<char> word, List<Symbol> symbols)
    {
        if (word.Length <= MaximumWordLength && _words.Count < MaximumWords)
        {
            _lookup[word] = (_symbols.Count, symbols.Count);
            _symbols.AddRange(symbols);
        }
    }
}
