namespace FedLLM.Engine.Tokenization;

/// <summary>Which neighbours may be merged, and which first.</summary>
internal interface IMergeRules
{
    /// <summary>Looks up the piece two neighbours make.</summary>
    /// <param name="left">Token id of the left one, or -1.</param>
    /// <param name="right">Token id of the right one, or -1.</param>
    /// <param name="joined">The characters of both.</param>
    /// <param name="leftLength">How many of these are the left one's.</param>
    /// <param name="priority">Smaller merges first.</param>
    /// <param name="id">Token id of the merged piece.</param>
    bool TryMerge(int left, int right, ReadOnlySpan<char> joined, int leftLength, out uint priority, out int id);
}

/// <summary>
/// Byte-pair merging of one word: the neighbours of best priority merge first, of equals the leftmost (Sennrich et al. 2016, section 3.2; the order
/// is that of SentencePiece's bpe_model.cc and of Hugging Face's word.rs). O(n log n) in the number of symbols. Not safe for concurrent use.
/// </summary>
internal sealed class SymbolMerger
{
    // What follows a symbol that was merged into its left neighbour.
    private const int Gone = -2;

    // A doubly linked list over the symbols; -1 ends it.
    private int[] _ids = [];
    private int[] _starts = [];
    private int[] _lengths = [];
    private int[] _previous = [];
    private int[] _next = [];
    private bool[] _frozen = [];
    private readonly PriorityQueue<Candidate, ulong> _queue = new();

    /// <summary>Merges <paramref name="symbols"/>, which cover <paramref name="word"/>, in place.</summary>
    public void Merge<TRules>(ReadOnlySpan<char> word, List<Symbol> symbols, TRules rules)
        where TRules : IMergeRules
    {
        int count = symbols.Count;
        if (count < 2)
        {
            return;
        }

        Fill(symbols);
        _queue.Clear();
        for (int i = 0; i + 1 < count; i++)
        {
            Propose(word, i, i + 1, rules);
        }

        while (_queue.TryDequeue(out Candidate best, out _))
        {
            int left = best.Left;
            int right = best.Right;

            // A symbol only ever grows, and no two pieces share an id, so the same ids mean the same symbols.
            if (_next[left] != right || _ids[left] != best.LeftId || _ids[right] != best.RightId)
            {
                continue;
            }

            _ids[left] = best.Id;
            _lengths[left] += _lengths[right];
            _next[left] = _next[right];
            _next[right] = Gone;
            if (_next[left] >= 0)
            {
                _previous[_next[left]] = left;
                Propose(word, left, _next[left], rules);
            }

            if (_previous[left] >= 0)
            {
                Propose(word, _previous[left], left, rules);
            }
        }

        symbols.Clear();
        for (int i = 0; i >= 0; i = _next[i])
        {
            symbols.Add(new Symbol(_ids[i], _lengths[i], _frozen[i]));
        }
    }

    private void Fill(List<Symbol> symbols)
    {
        int count = symbols.Count;
        if (_ids.Length < count)
        {
            int capacity = Math.Max(32, count);
            _ids = new int[capacity];
            _starts = new int[capacity];
            _lengths = new int[capacity];
            _previous = new int[capacity];
            _next = new int[capacity];
            _frozen = new bool[capacity];
        }

        int start = 0;
        for (int i = 0; i < count; i++)
        {
            Symbol symbol = symbols[i];
            _ids[i] = symbol.Id;
            _starts[i] = start;
            _lengths[i] = symbol.Length;
            _frozen[i] = symbol.Frozen;
            _previous[i] = i - 1;
            _next[i] = i + 1 < count ? i + 1 : -1;
            start += symbol.Length;
        }
    }

    private void Propose<TRules>(ReadOnlySpan<char> word, int left, int right, TRules rules)
        where TRules : IMergeRules
    {
        if (_frozen[left] || _frozen[right])
        {
            return;
        }

        int length = _lengths[left] + _lengths[right];
        if (rules.TryMerge(_ids[left], _ids[right], word.Slice(_starts[left], length), _lengths[left], out uint priority, out int id))
        {
            _queue.Enqueue(new Candidate(left, right, _ids[left], _ids[right], id), ((ulong)priority << 32) | (uint)left);
        }
    }

    private readonly record struct Candidate(int Left, int Right, int LeftId, int RightId, int Id);
}
