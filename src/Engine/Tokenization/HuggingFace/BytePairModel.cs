using System.Globalization;
using System.Runtime.InteropServices;

namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Options of a BPE model (tokenizer.json, model).</summary>
/// <param name="UnknownId">Token id for a character the vocabulary lacks, or null.</param>
/// <param name="FusesUnknown">Whether a run of such characters is one token.</param>
/// <param name="FallsBackToBytes">Whether such a character becomes its bytes' tokens (&lt;0x00&gt; to &lt;0xFF&gt;) where the vocabulary has them.</param>
/// <param name="IgnoresMerges">Whether a word that is in the vocabulary is taken whole.</param>
internal sealed record BytePairOptions(int? UnknownId, bool FusesUnknown, bool FallsBackToBytes, bool IgnoresMerges);

/// <summary>
/// A BPE vocabulary with ranked merges (Sennrich et al. 2016; tokenizers, models/bpe/model.rs). Immutable; <see cref="Session"/> does the work.
/// </summary>
internal sealed class BytePairModel
{
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private readonly Dictionary<ulong, (uint Rank, int Id)> _merges;
    private readonly BytePairOptions _options;

    // Ids of single characters (-1: not in the vocabulary) and of bytes.
    private readonly int[] _characterIds = new int[char.MaxValue + 1];
    private readonly int[]? _byteIds;
    private readonly WordBoundaries? _boundaries;

    /// <summary>Makes a model.</summary>
    /// <param name="vocabulary">Token to id.</param>
    /// <param name="merges">Pair of ids (left in the upper half) to its rank and the id it becomes.</param>
    /// <param name="options">The options.</param>
    public BytePairModel(Dictionary<string, int> vocabulary, Dictionary<ulong, (uint Rank, int Id)> merges, BytePairOptions options)
    {
        _lookup = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _merges = merges;
        _options = options;
        Array.Fill(_characterIds, -1);
        WordBoundaries boundaries = new();
        foreach ((string token, int id) in vocabulary)
        {
            boundaries.Add(token);
            if (token.Length == 1)
            {
                _characterIds[token[0]] = id;
            }
        }

        // A word can be cut where nothing depends on the whole of it: no look-up of whole words, no run of unknown characters across the cut.
        _boundaries = !options.IgnoresMerges && _characterIds[WordBoundaries.SpaceSymbol] >= 0 ? boundaries : null;
        _byteIds = options.FallsBackToBytes ? FindBytes() : null;
    }

    /// <summary>Whether every character has a token, its own, its bytes' or the unknown one.</summary>
    public bool CoversEverything => _options.UnknownId is not null || (_byteIds is not null && Array.TrueForAll(_byteIds, id => id >= 0));

    /// <summary>Whether the vocabulary has every character of the byte alphabet.</summary>
    public bool CoversBytes => Enumerable.Range(0, 256).All(value => _characterIds[ByteAlphabet.ToCharacter((byte)value)] >= 0);

    /// <summary>The key of a pair in the merges.</summary>
    public static ulong PairKey(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private int[] FindBytes()
    {
        int[] ids = new int[256];
        for (int value = 0; value < 256; value++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            ids[value] = _lookup.TryGetValue(name, out int id) ? id : -1;
        }

        return ids;
    }

    /// <summary>Encodes the words of one text; remembers those it has seen. Not safe for concurrent use.</summary>
    public sealed class Session : IMergeRules
    {
        private readonly BytePairModel _model;
        private readonly SymbolMerger _merger = new();
        private readonly WordCache _cache = new();
        private readonly List<Symbol> _symbols = [];

        /// <summary>Starts on a text.</summary>
        public Session(BytePairModel model) => _model = model;

        /// <summary>
        /// Appends the tokens of a word. A symbol of <see cref="Symbol.Length"/> 0 is one of several bytes of a character: the first byte has the
        /// character's length, the others 0.
        /// </summary>
        public void Encode(ReadOnlySpan<char> word, List<Symbol> output)
        {
            while (!word.IsEmpty)
            {
                ReadOnlySpan<char> part = _model._boundaries is null ? word : word[.._model._boundaries.FirstWordLength(word)];
                if (!_cache.TryGet(part, _symbols))
                {
                    _symbols.Clear();
                    EncodePart(part);
                    _cache.Add(part, _symbols);
                }

                output.AddRange(CollectionsMarshal.AsSpan(_symbols));
                word = word[part.Length..];
            }
        }

        /// <inheritdoc/>
        public bool TryMerge(int left, int right, ReadOnlySpan<char> joined, int leftLength, out uint priority, out int id)
        {
            bool found = _model._merges.TryGetValue(PairKey(left, right), out (uint Rank, int Id) merge);
            priority = merge.Rank;
            id = merge.Id;
            return found;
        }

        private void EncodePart(ReadOnlySpan<char> part)
        {
            if (_model._options.IgnoresMerges && _model._lookup.TryGetValue(part, out int whole))
            {
                _symbols.Add(new Symbol(whole, part.Length));
                return;
            }

            bool afterUnknown = false;
            for (int i = 0; i < part.Length;)
            {
                MappedText.RuneAt(part, i, out int length);
                ReadOnlySpan<char> character = part.Slice(i, length);
                int id = length == 1 ? _model._characterIds[part[i]] : _model._lookup.TryGetValue(character, out int found) ? found : -1;
                i += length;
                if (id >= 0)
                {
                    _symbols.Add(new Symbol(id, length));
                    afterUnknown = false;
                }
                else if (!TryAddBytes(character))
                {
                    AddUnknown(length, afterUnknown);
                    afterUnknown = true;
                }
            }

            _merger.Merge(part, _symbols, this);
        }

        private bool TryAddBytes(ReadOnlySpan<char> character)
        {
            if (_model._byteIds is not { } ids)
            {
                return false;
            }

            Span<byte> utf8 = stackalloc byte[4];
            int count = System.Text.Encoding.UTF8.GetBytes(character, utf8);
            foreach (byte value in utf8[..count])
            {
                if (ids[value] < 0)
                {
                    return false;
                }
            }

            for (int i = 0; i < count; i++)
            {
                _symbols.Add(new Symbol(ids[utf8[i]], i == 0 ? character.Length : 0));
            }

            return true;
        }

        private void AddUnknown(int length, bool afterUnknown)
        {
            if (afterUnknown && _model._options.FusesUnknown)
            {
                _symbols[^1] = new Symbol(_symbols[^1].Id, _symbols[^1].Length + length);
            }
            else
            {
                _symbols.Add(new Symbol(_model._options.UnknownId ?? throw new InvalidOperationException("The loader admits no such vocabulary."), length));
            }
        }
    }
}
