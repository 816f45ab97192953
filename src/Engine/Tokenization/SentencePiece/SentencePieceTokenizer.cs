using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>
/// A SentencePiece model (<c>tokenizer.model</c>): BPE or unigram, with byte fallback (Kudo and Richardson 2018). Control pieces are never produced
/// from text; text that spells one is cut like any other.
/// </summary>
public sealed class SentencePieceTokenizer : ITokenizer
{
    private readonly SentencePieceModel _model;
    private readonly PieceVocabulary _vocabulary;
    private readonly SentencePieceNormalizer _normalizer;
    private readonly UnigramSegmentation? _unigram;
    private readonly byte[] _byteValues;

    private SentencePieceTokenizer(SentencePieceModel model, TokenizerConfig? config)
    {
        _model = model;
        _vocabulary = new PieceVocabulary(model);
        _normalizer = new SentencePieceNormalizer(model, _vocabulary.UserDefined);
        _unigram = model.Kind == SegmentationKind.Unigram ? new UnigramSegmentation(model) : null;
        _byteValues = new byte[model.Pieces.Count];
        for (int value = 0; model.ByteIds is not null && value < 256; value++)
        {
            _byteValues[model.ByteIds[value]] = (byte)value;
        }

        BeginOfSequenceId = Configured(config, "bos_token", config?.BeginOfSequence) ?? model.BeginOfSequenceId;
        EndOfSequenceId = Configured(config, "eos_token", config?.EndOfSequence) ?? model.EndOfSequenceId;
        AddsBeginOfSequence = Adds(config, "add_bos_token", config?.AddsBeginOfSequence, BeginOfSequenceId)
            ?? (model.Kind == SegmentationKind.BytePair && BeginOfSequenceId is not null);
        AddsEndOfSequence = Adds(config, "add_eos_token", config?.AddsEndOfSequence, EndOfSequenceId) ?? false;
    }

    /// <inheritdoc/>
    public int VocabularySize => _model.Pieces.Count;

    /// <inheritdoc/>
    public int? BeginOfSequenceId { get; }

    /// <inheritdoc/>
    public int? EndOfSequenceId { get; }

    /// <summary>
    /// Whether the tokenizer's configuration puts begin-of-sequence before every text. Where no <c>tokenizer_config.json</c> says so, a BPE model
    /// (the Llama family) does and a unigram model does not.
    /// </summary>
    public bool AddsBeginOfSequence { get; }

    /// <inheritdoc/>
    public bool AddsEndOfSequence { get; }

    /// <summary>Reads a model file and, if there is one, the <c>tokenizer_config.json</c> that goes with it.</summary>
    /// <param name="modelPath">The <c>tokenizer.model</c>.</param>
    /// <param name="configPath">The <c>tokenizer_config.json</c>, or null for none.</param>
    /// <exception cref="InputFileException">A file is missing, damaged or of a kind that is not supported.</exception>
    public static SentencePieceTokenizer Load(string modelPath, string? configPath = null)
    {
        SentencePieceModel model = SentencePieceFile.Read(InputBytes.Read(modelPath), modelPath);
        return new SentencePieceTokenizer(model, configPath is null ? null : TokenizerConfig.Read(configPath));
    }

    /// <inheritdoc/>
    public IReadOnlyList<Token> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        MappedText normalized = _normalizer.Normalize(text);
        List<Symbol> symbols = [];
        if (_unigram is not null)
        {
            _unigram.Encode(normalized.Chars, symbols);
        }
        else
        {
            new PieceMerging(_vocabulary).Encode(normalized.Chars, symbols);
        }

        List<Token> tokens = new(symbols.Count);
        int start = 0;
        bool afterUnknown = false;
        foreach (Symbol symbol in symbols)
        {
            int from = normalized.Start(start);
            int to = normalized.End(start + symbol.Length - 1);
            ReadOnlySpan<char> surface = normalized.Chars.Slice(start, symbol.Length);
            start += symbol.Length;
            if (symbol.Id >= 0)
            {
                tokens.Add(new Token(symbol.Id, from, to));
            }
            else if (_model.ByteIds is not null)
            {
                AddBytes(tokens, surface, from, to);
            }
            else if (afterUnknown)
            {
                // A run of unknown characters is one token.
                tokens[^1] = tokens[^1] with { End = to };
            }
            else
            {
                tokens.Add(new Token(_model.UnknownId, from, to));
            }

            afterUnknown = symbol.Id < 0;
        }

        return tokens;
    }

    /// <summary>
    /// Decodes ids to text. The dummy prefix is taken off again; control pieces are left out unless <paramref name="keepSpecial"/>; the unknown piece
    /// becomes the model's surface for it (" ⁇ "). Invalid UTF-8 becomes U+FFFD.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        StringBuilder text = new();
        List<byte> bytes = [];
        bool atStart = true;
        foreach (int id in ids)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(id, nameof(ids));
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(id, VocabularySize, nameof(ids));
            Piece piece = _model.Pieces[id];
            if (piece.Kind == PieceKind.Byte)
            {
                bytes.Add(_byteValues[id]);
                continue;
            }

            atStart &= bytes.Count == 0;
            Flush(text, bytes);
            if (piece.Kind == PieceKind.Control)
            {
                text.Append(keepSpecial ? piece.Text : string.Empty);
                continue;
            }

            string surface = piece.Kind == PieceKind.Unknown ? _model.UnknownSurface : piece.Text.Replace(WordBoundaries.SpaceSymbol, ' ');
            bool strips = atStart && piece.Kind != PieceKind.Unknown && (_model.AddsDummyPrefix || _model.RemovesExtraWhitespaces)
                && piece.Text[0] == WordBoundaries.SpaceSymbol;
            text.Append(strips ? surface.AsSpan(1) : surface);

            // Where extra spaces are removed none can start a text, so all leading ones go.
            atStart = strips && _model.RemovesExtraWhitespaces && surface.Length == 1;
        }

        Flush(text, bytes);
        return text.ToString();
    }

    private static void Flush(StringBuilder text, List<byte> bytes)
    {
        // Each byte that starts no valid character is one U+FFFD, as in the reference.
        ReadOnlySpan<byte> rest = CollectionsMarshal.AsSpan(bytes);
        while (!rest.IsEmpty)
        {
            bool isValid = Rune.DecodeFromUtf8(rest, out Rune rune, out int length) == OperationStatus.Done;
            text.Append(rune.ToString());
            rest = rest[(isValid ? length : 1)..];
        }

        bytes.Clear();
    }

    private void AddBytes(List<Token> tokens, ReadOnlySpan<char> surface, int from, int to)
    {
        Span<byte> utf8 = stackalloc byte[4];
        int count = Encoding.UTF8.GetBytes(surface, utf8);
        foreach (byte value in utf8[..count])
        {
            tokens.Add(new Token(_model.ByteIds![value], from, to));
        }
    }

    private int? Configured(TokenizerConfig? config, string key, string? token)
    {
        if (token is null)
        {
            return null;
        }

        for (int id = 0; id < _model.Pieces.Count; id++)
        {
            if (_model.Pieces[id].Text == token)
            {
                return id;
            }
        }

        throw new InputFileException(
            config!.Path, key, "the token is not a piece of tokenizer.model", "Put the tokenizer.json of this model beside it, or correct the token");
    }

    private static bool? Adds(TokenizerConfig? config, string key, bool? adds, int? id) =>
        adds == true && id is null
            ? throw new InputFileException(config!.Path, key, "there is no such token to add", "Name the token, or set the key to false")
            : adds;
}
