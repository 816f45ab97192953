namespace FedLLM.Engine.Tokenization;

/// <summary>Finds every piece that starts at a place of a text. Memory is one entry per distinct prefix.</summary>
internal sealed class PieceTrie
{
    // Node 0 is the root; the key is (node << 16) | character.
    private readonly Dictionary<long, int> _children = [];
    private readonly List<int> _values = [-1];

    /// <summary>Whether it holds no piece.</summary>
    public bool IsEmpty => _children.Count == 0;

    /// <summary>Adds a non-empty piece with its non-negative value; an equal piece added before is replaced.</summary>
    public void Add(string piece, int value)
    {
        int node = 0;
        foreach (char c in piece)
        {
            long key = ((long)node << 16) | c;
            if (!_children.TryGetValue(key, out int child))
            {
                child = _values.Count;
                _children.Add(key, child);
                _values.Add(-1);
            }

            node = child;
        }

        _values[node] = value;
    }

    /// <summary>Steps from <paramref name="node"/> (0 at the start of a piece) along <paramref name="c"/>; false where no piece continues so.</summary>
    /// <param name="node">The node, moved on.</param>
    /// <param name="c">The next character.</param>
    /// <param name="value">The value of the piece that ends here, or -1.</param>
    public bool TryStep(ref int node, char c, out int value)
    {
        if (!_children.TryGetValue(((long)node << 16) | c, out int child))
        {
            value = -1;
            return false;
        }

        node = child;
        value = _values[child];
        return true;
    }

    /// <summary>Finds the longest piece that starts at the start of <paramref name="text"/>; returns its length, or 0.</summary>
    public int MatchLongest(ReadOnlySpan<char> text, out int value)
    {
        int node = 0;
        int length = 0;
        value = -1;
        for (int i = 0; i < text.Length && TryStep(ref node, text[i], out int found); i++)
        {
            if (found >= 0)
            {
                value = found;
                length = i + 1;
            }
        }

        return length;
    }
}
