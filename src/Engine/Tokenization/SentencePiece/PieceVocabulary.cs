namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>Looks pieces up by their text; only those that plain text can produce.</summary>
internal sealed class PieceVocabulary
{
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    private readonly WordBoundaries _boundaries = new();
    private readonly bool _hasUnused;

    /// <summary>Indexes the pieces of a model.</summary>
    public PieceVocabulary(SentencePieceModel model)
    {
        Model = model;
        UserDefined = new PieceTrie();
        _lookup = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int id = 0; id < model.Pieces.Count; id++)
        {
            Piece piece = model.Pieces[id];
            if (!piece.IsMatchable)
            {
                continue;
            }

            _ids.Add(piece.Text, id);
            _hasUnused |= piece.Kind == PieceKind.Unused;
            if (piece.Kind == PieceKind.UserDefined)
            {
                UserDefined.Add(piece.Text, id);
            }

            _boundaries.Add(piece.Text);
        }
    }

    /// <summary>The model.</summary>
    public SentencePieceModel Model { get; }

    /// <summary>The user-defined pieces.</summary>
    public PieceTrie UserDefined { get; }

    /// <summary>The id of a piece, or -1.</summary>
    public int Find(ReadOnlySpan<char> text) => _lookup.TryGetValue(text, out int id) ? id : -1;

    /// <summary>
    /// Length of the first stretch of <paramref name="text"/> that can be merged by itself. Where a model has unused pieces, how a merge came about
    /// elsewhere in the text matters, and the stretch is the whole text.
    /// </summary>
    public int WordLength(ReadOnlySpan<char> text) => _hasUnused ? text.Length : _boundaries.FirstWordLength(text);
}
