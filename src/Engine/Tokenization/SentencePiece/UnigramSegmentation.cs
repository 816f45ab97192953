namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>
/// The most probable segmentation under a unigram model (Kudo 2018; Viterbi as in unigram_model.cc, Model::EncodeOptimized): the sum of piece scores
/// is maximal, of equal sums the one found first, which prefers the longer last piece. An unknown character costs the lowest normal score minus 10.
/// A user-defined piece scores bytes x (highest normal score) - 0.1, so that it is preferred. Sums are kept in float, like the reference.
/// </summary>
internal sealed class UnigramSegmentation
{
    private const float UnknownPenalty = 10f;

    // FLT_MIN: where the reference's search for the highest score starts, so scores below it do not count.
    private const float SmallestNormalFloat = 1.17549435e-38f;

    private readonly PieceTrie _trie = new();
    private readonly float[] _scores;
    private readonly bool[] _isUserDefined;
    private readonly float _unknownScore;
    private readonly float _maximumScore;

    /// <summary>Indexes the pieces of a model; an unused piece is never chosen.</summary>
    public UnigramSegmentation(SentencePieceModel model)
    {
        int count = model.Pieces.Count;
        _scores = new float[count];
        _isUserDefined = new bool[count];
        float minimum = float.MaxValue;
        _maximumScore = SmallestNormalFloat;
        for (int id = 0; id < count; id++)
        {
            Piece piece = model.Pieces[id];
            _scores[id] = piece.Score;
            _isUserDefined[id] = piece.Kind == PieceKind.UserDefined;
            if (piece.Kind == PieceKind.Normal)
            {
                minimum = MathF.Min(minimum, piece.Score);
                _maximumScore = MathF.Max(_maximumScore, piece.Score);
            }

            if (piece.Kind is PieceKind.Normal or PieceKind.UserDefined)
            {
                _trie.Add(piece.Text, id);
            }
        }

        _unknownScore = minimum - UnknownPenalty;
    }

    /// <summary>Cuts normalized text; a symbol of id -1 is an unknown character.</summary>
    public void Encode(ReadOnlySpan<char> text, List<Symbol> output)
    {
        // best[e] is the best path over text[..e]: the score, and the last piece (its id and start); a start of -1 means no path yet.
        float[] scores = new float[text.Length + 1];
        int[] starts = new int[text.Length + 1];
        int[] ids = new int[text.Length + 1];
        Array.Fill(starts, -1);
        for (int start = 0; start < text.Length;)
        {
            MappedText.RuneAt(text, start, out int runeLength);
            bool hasCharacter = false;
            int node = 0;
            int bytes = 0;
            for (int end = start; end < text.Length && _trie.TryStep(ref node, text[end], out int id);)
            {
                bytes += Utf8Length(text[end]);
                end++;
                if (id < 0)
                {
                    continue;
                }

                double score = _isUserDefined[id] ? (bytes * _maximumScore) - 0.1 : _scores[id];
                Offer(end, start, id, score + scores[start]);
                hasCharacter |= end - start == runeLength;
            }

            if (!hasCharacter)
            {
                Offer(start + runeLength, start, -1, _unknownScore + scores[start]);
            }

            start += runeLength;
        }

        int first = output.Count;
        for (int end = text.Length; end > 0; end = starts[end])
        {
            output.Add(new Symbol(ids[end], end - starts[end]));
        }

        output.Reverse(first, output.Count - first);

        void Offer(int end, int start, int id, double score)
        {
            if (starts[end] < 0 || score > scores[end])
            {
                scores[end] = (float)score;
                starts[end] = start;
                ids[end] = id;
            }
        }
    }

    // A half of a surrogate pair counts two of the pair's four bytes.
    private static int Utf8Length(char c) => c < 0x80 ? 1 : c < 0x800 || char.IsSurrogate(c) ? 2 : 3;
}
