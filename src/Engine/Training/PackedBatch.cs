using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Training;

/// <summary>One lane's share of a packed batch.</summary>
/// <param name="First">First row.</param>
/// <param name="Count">Number of rows.</param>
/// <param name="FirstScored">Index of its first scored token.</param>
/// <param name="ScoredCount">Number of its scored tokens.</param>
public readonly record struct LaneRows(int First, int Count, int FirstScored, int ScoredCount);

/// <summary>
/// Sequences laid end to end without padding, lane after lane, with the rows whose next token is scored. A pair of answers shares the rows of their prompt.
/// Reused from step to step.
/// </summary>
public sealed class PackedBatch
{
    private AttentionSpan[] _spans = [];
    private int[] _tokens = [];
    private int[] _positions = [];
    private int[] _scoredRows = [];
    private int[] _targets = [];
    private LaneRows[] _lanes = [];

    /// <summary>T: rows of all sequences.</summary>
    public int Rows { get; private set; }

    /// <summary>Number of scored tokens.</summary>
    public int ScoredCount { get; private set; }

    /// <summary>Token ids [T].</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Rows);

    /// <summary>Positions in the tokens' own sequences [T].</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Rows);

    /// <summary>
    /// The rows that predict a scored token, sequence after sequence in the order they were added (of a pair, the chosen answer's first). A row that predicts
    /// the first token of both answers stands here twice.
    /// </summary>
    public ReadOnlySpan<int> ScoredRows => _scoredRows.AsSpan(0, ScoredCount);

    /// <summary>The tokens they predict.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, ScoredCount);

    /// <summary>Number of lanes.</summary>
    public int Lanes { get; private set; }

    internal ReadOnlySpan<AttentionSpan> Spans => _spans.AsSpan(0, SpanCount);

    private int SpanCount { get; set; }

    /// <summary>One lane's rows.</summary>
    public LaneRows Lane(int lane) => _lanes.AsSpan(0, Lanes)[lane];

    /// <summary>Empties the batch and begins the first lane.</summary>
    public void Clear() => (Rows, ScoredCount, SpanCount, Lanes) = (0, 0, 0, 0);

    /// <summary>Ends the present lane: what has been added since the last one is its share.</summary>
    public void EndLane()
    {
        LaneRows last = Lanes > 0 ? _lanes[Lanes - 1] : default;
        int first = last.First + last.Count;
        int firstScored = last.FirstScored + last.ScoredCount;
        Grow(ref _lanes, Lanes, Lanes + 1);
        _lanes[Lanes++] = new LaneRows(first, Rows - first, firstScored, ScoredCount - firstScored);
    }

    /// <summary>Lays <paramref name="sequences"/> end to end in one lane, replacing what the batch held.</summary>
    /// <exception cref="ArgumentException">A sequence is empty or its flags do not fit its tokens.</exception>
    public void Pack(ReadOnlySpan<TokenSequence> sequences)
    {
        Clear();
        foreach (TokenSequence sequence in sequences)
        {
            Add(sequence);
        }

        EndLane();
    }

    /// <summary>Adds a sequence to the present lane.</summary>
    /// <exception cref="ArgumentException">It is empty or its flags do not fit its tokens.</exception>
    public void Add(TokenSequence sequence)
    {
        Check(sequence);
        AddSpan(new AttentionSpan(Rows, sequence.Tokens.Length, sequence.Tokens.Length));
        AddRows(sequence, 0);
        Score(sequence, 0, Rows - sequence.Tokens.Length);
    }

    /// <summary>Adds both sequences of a pair to the present lane, the tokens of their shared prefix once.</summary>
    /// <exception cref="ArgumentException">A sequence is empty or its flags do not fit its tokens.</exception>
    public void Add(PreferencePair pair)
    {
        ArgumentNullException.ThrowIfNull(pair);
        Check(pair.Rejected);
        int start = Rows;
        Add(pair.Chosen);

        // A sequence that were nothing but the prefix would have no row of its own.
        int shared = Math.Min(pair.SharedPrefix, pair.Rejected.Tokens.Length - 1);
        int own = pair.Rejected.Tokens.Length - shared;
        AddSpan(new AttentionSpan(Rows, own, own) { PrefixRow = start, PrefixCount = shared });
        AddRows(pair.Rejected, shared);
        if (shared > 0 && pair.Rejected.Scored[shared])
        {
            AddScored(start + shared - 1, pair.Rejected.Tokens[shared]);
        }

        Score(pair.Rejected, shared, Rows - own);
    }

    /// <summary>Adds new tokens of a sequence whose first <paramref name="before"/> tokens are in a cache; nothing is scored.</summary>
    internal void AddContinuation(ReadOnlySpan<int> tokens, int before)
    {
        AddSpan(new AttentionSpan(Rows, tokens.Length, before + tokens.Length));
        ReserveRows(Rows + tokens.Length);
        tokens.CopyTo(_tokens.AsSpan(Rows));
        for (int i = 0; i < tokens.Length; i++, Rows++)
        {
            _positions[Rows] = before + i;
        }
    }

    private static void Check(TokenSequence sequence)
    {
        ArgumentNullException.ThrowIfNull(sequence);
        if (sequence.Tokens.Length == 0 || sequence.Scored.Length != sequence.Tokens.Length)
        {
            throw new ArgumentException(
                $"A sequence has {sequence.Tokens.Length} tokens and {sequence.Scored.Length} flags; it needs at least one token and a flag for each.", nameof(sequence));
        }
    }

    private static void Grow<T>(ref T[] array, int used, int needed)
    {
        if (array.Length < needed)
        {
            var larger = new T[Math.Max(needed, 2 * array.Length)];
            array.AsSpan(0, used).CopyTo(larger);
            array = larger;
        }
    }

    private void AddSpan(in AttentionSpan span)
    {
        Grow(ref _spans, SpanCount, SpanCount + 1);
        _spans[SpanCount++] = span;
    }

    private void AddRows(TokenSequence sequence, int from)
    {
        ReserveRows(Rows + sequence.Tokens.Length - from);
        for (int i = from; i < sequence.Tokens.Length; i++, Rows++)
        {
            _tokens[Rows] = sequence.Tokens[i];
            _positions[Rows] = i;
        }
    }

    // The row of token `from` is `row`.
    private void Score(TokenSequence sequence, int from, int row)
    {
        for (int i = from; i + 1 < sequence.Tokens.Length; i++, row++)
        {
            if (sequence.Scored[i + 1])
            {
                AddScored(row, sequence.Tokens[i + 1]);
            }
        }
    }

    private void AddScored(int row, int target)
    {
        Grow(ref _targets, ScoredCount, ScoredCount + 1);
        Grow(ref _scoredRows, ScoredCount, ScoredCount + 1);
        _scoredRows[ScoredCount] = row;
        _targets[ScoredCount++] = target;
    }

    private void ReserveRows(int rows)
    {
        Grow(ref _tokens, Rows, rows);
        Grow(ref _positions, Rows, rows);
    }
}
