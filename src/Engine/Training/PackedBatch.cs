using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Training;

/// <summary>
/// Sequences laid end to end without padding, with the rows whose next token is scored. Reused from step to step.
/// </summary>
public sealed class PackedBatch
{
    private AttentionSpan[] _spans = [];
    private int[] _tokens = [];
    private int[] _positions = [];
    private int[] _scoredRows = [];
    private int[] _targets = [];

    /// <summary>Number of sequences.</summary>
    public int Sequences { get; private set; }

    /// <summary>T: tokens of all sequences.</summary>
    public int Rows { get; private set; }

    /// <summary>Number of scored tokens.</summary>
    public int ScoredCount { get; private set; }

    /// <summary>Token ids [T].</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, Rows);

    /// <summary>Positions in the tokens' own sequences [T].</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, Rows);

    /// <summary>Rows that predict a scored token, ascending.</summary>
    public ReadOnlySpan<int> ScoredRows => _scoredRows.AsSpan(0, ScoredCount);

    /// <summary>The tokens they predict.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, ScoredCount);

    internal ReadOnlySpan<AttentionSpan> Spans => _spans.AsSpan(0, Sequences);

    /// <summary>Lays <paramref name="sequences"/> end to end, replacing what the batch held.</summary>
    /// <exception cref="ArgumentException">A sequence is empty or its flags do not fit its tokens.</exception>
    public void Pack(ReadOnlySpan<TokenSequence> sequences)
    {
        int rows = 0;
        foreach (TokenSequence sequence in sequences)
        {
            if (sequence.Tokens.Length == 0 || sequence.Scored.Length != sequence.Tokens.Length)
            {
                throw new ArgumentException(
                    $"A sequence has {sequence.Tokens.Length} tokens and {sequence.Scored.Length} flags; it needs at least one token and a flag for each.", nameof(sequences));
            }

            rows += sequence.Tokens.Length;
        }

        Reserve(sequences.Length, rows);
        int row = 0;
        int scored = 0;
        for (int s = 0; s < sequences.Length; s++)
        {
            TokenSequence sequence = sequences[s];
            int length = sequence.Tokens.Length;
            _spans[s] = new AttentionSpan(row, length, length);
            for (int i = 0; i < length; i++, row++)
            {
                _tokens[row] = sequence.Tokens[i];
                _positions[row] = i;
                if (i + 1 < length && sequence.Scored[i + 1])
                {
                    _scoredRows[scored] = row;
                    _targets[scored++] = sequence.Tokens[i + 1];
                }
            }
        }

        Sequences = sequences.Length;
        Rows = rows;
        ScoredCount = scored;
    }

    /// <summary>Holds new tokens of one sequence whose first <paramref name="before"/> tokens are in a cache; nothing is scored.</summary>
    internal void Continue(ReadOnlySpan<int> tokens, int before)
    {
        Reserve(1, tokens.Length);
        tokens.CopyTo(_tokens);
        for (int i = 0; i < tokens.Length; i++)
        {
            _positions[i] = before + i;
        }

        _spans[0] = new AttentionSpan(0, tokens.Length, before + tokens.Length);
        Sequences = 1;
        Rows = tokens.Length;
        ScoredCount = 0;
    }

    private void Reserve(int sequences, int rows)
    {
        if (_spans.Length < sequences)
        {
            _spans = new AttentionSpan[Math.Max(sequences, 2 * _spans.Length)];
        }

        if (_tokens.Length < rows)
        {
            int capacity = Math.Max(rows, 2 * _tokens.Length);
            _tokens = new int[capacity];
            _positions = new int[capacity];
            _scoredRows = new int[capacity];
            _targets = new int[capacity];
        }
    }
}
