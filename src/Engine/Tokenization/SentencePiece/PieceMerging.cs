using System.Runtime.InteropServices;

namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>
/// SentencePiece's BPE (bpe_model.cc, Model::SampleEncode without sampling): neighbours whose text is a piece merge, highest score first, of equal
/// scores the leftmost; user-defined pieces are cut out first, longest match, and never merge; an unused piece is taken apart again along the merge
/// that made it. For one text; not safe for concurrent use.
/// </summary>
internal sealed class PieceMerging : IMergeRules
{
    private readonly PieceVocabulary _vocabulary;
    private readonly SymbolMerger _merger = new();
    private readonly WordCache _cache = new();

    // Unused piece: length of the left half of the latest merge that could make it (rev_merge).
    private readonly Dictionary<string, int> _halves = new(StringComparer.Ordinal);
    private readonly List<Symbol> _parts = [];

    /// <summary>Prepares for one text.</summary>
    public PieceMerging(PieceVocabulary vocabulary) => _vocabulary = vocabulary;

    /// <summary>Cuts normalized text; a symbol of id -1 is an unknown character.</summary>
    public void Encode(ReadOnlySpan<char> text, List<Symbol> output)
    {
        List<Symbol> symbols = [];
        while (!text.IsEmpty)
        {
            ReadOnlySpan<char> word = text[.._vocabulary.WordLength(text)];
            if (!_cache.TryGet(word, symbols))
            {
                EncodeWord(word, symbols);
                _cache.Add(word, symbols);
            }

            output.AddRange(CollectionsMarshal.AsSpan(symbols));
            text = text[word.Length..];
        }
    }

    /// <inheritdoc/>
    public bool TryMerge(int left, int right, ReadOnlySpan<char> joined, int leftLength, out uint priority, out int id)
    {
        id = _vocabulary.Find(joined);
        if (id < 0)
        {
            priority = 0;
            return false;
        }

        Piece piece = _vocabulary.Model.Pieces[id];
        priority = Descending(piece.Score);
        if (piece.Kind == PieceKind.Unused)
        {
            _halves[piece.Text] = leftLength;
        }

        return true;
    }

    // Maps finite floats to integers in the opposite order; both zeros to one.
    private static uint Descending(float score)
    {
        uint bits = BitConverter.SingleToUInt32Bits(score + 0f);
        return (bits & 0x80000000) != 0 ? bits : ~bits & 0x7FFFFFFF;
    }

    private void EncodeWord(ReadOnlySpan<char> word, List<Symbol> symbols)
    {
        symbols.Clear();
        for (int i = 0; i < word.Length;)
        {
            int length = _vocabulary.UserDefined.MatchLongest(word[i..], out int id);
            bool frozen = length > 0;
            if (!frozen)
            {
                MappedText.RuneAt(word, i, out length);
                id = _vocabulary.Find(word.Slice(i, length));
            }

            symbols.Add(new Symbol(id, length, frozen));
            i += length;
        }

        _merger.Merge(word, symbols, this);
        if (_halves.Count > 0)
        {
            TakeApartUnused(word, symbols);
        }
    }

    private void TakeApartUnused(ReadOnlySpan<char> word, List<Symbol> symbols)
    {
        _parts.Clear();
        Stack<Symbol> pending = new();
        int start = 0;
        foreach (Symbol symbol in symbols)
        {
            pending.Push(symbol);
            while (pending.TryPop(out Symbol part))
            {
                if (part.Id >= 0 && _vocabulary.Model.Pieces[part.Id] is { Kind: PieceKind.Unused } piece
                    && _halves.TryGetValue(piece.Text, out int half))
                {
                    pending.Push(new Symbol(_vocabulary.Find(word.Slice(start + half, part.Length - half)), part.Length - half));
                    pending.Push(new Symbol(_vocabulary.Find(word.Slice(start, half)), half));
                }
                else
                {
                    _parts.Add(part);
                    start += part.Length;
                }
            }
        }

        symbols.Clear();
        symbols.AddRange(_parts);
    }
}
