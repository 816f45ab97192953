using System.Globalization;
using System.Text;
using FedLLM.Engine.Files;

namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>Reads a SentencePiece <c>tokenizer.model</c> (a serialized ModelProto, sentencepiece_model.proto).</summary>
internal sealed class SentencePieceFile
{
    // The largest models in use have 256,000 pieces of at most a few hundred bytes.
    private const int MaximumPieces = 1 << 20;
    private const int MaximumPieceLength = 4096;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly string _path;
    private readonly List<Piece> _pieces = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private ulong _modelType = 1;
    private bool _byteFallback;
    private bool _whitespaceAsSuffix;
    private string _beginPiece = "<s>";
    private string _endPiece = "</s>";
    private string _unknownSurface = " \u2047 ";
    private bool _addsDummyPrefix = true;
    private bool _removesExtraWhitespaces = true;
    private bool _escapesWhitespaces = true;
    private CharacterMap? _characterMap;

    private SentencePieceFile(string path) => _path = path;

    /// <summary>Reads and checks a model.</summary>
    /// <exception cref="InputFileException">It is damaged, too large, or of a kind that is not supported.</exception>
    public static SentencePieceModel Read(ReadOnlySpan<byte> data, string path) => new SentencePieceFile(path).ReadModel(data);

    private SentencePieceModel ReadModel(ReadOnlySpan<byte> data)
    {
        ProtobufReader reader = new(data, _path, 0);
        while (reader.TryReadField(out int field))
        {
            switch (field)
            {
                case 1:
                    ReadPiece(Message(ref reader));
                    break;
                case 2:
                    ReadTrainerSpec(Message(ref reader));
                    break;
                case 3:
                    ReadNormalizerSpec(Message(ref reader));
                    break;
                case 5:
                    RefuseDenormalizer(Message(ref reader));
                    break;
                default:
                    // Self-test data and extensions do not change what the model does.
                    reader.Skip();
                    break;
            }
        }

        return new SentencePieceModel
        {
            Pieces = _pieces,
            Kind = Kind(),
            UnknownId = UnknownId(),
            ByteIds = ByteIds(),
            BeginOfSequenceId = ControlId(_beginPiece),
            EndOfSequenceId = ControlId(_endPiece),
            UnknownSurface = _unknownSurface,
            CharacterMap = _characterMap,
            AddsDummyPrefix = _addsDummyPrefix,
            RemovesExtraWhitespaces = _removesExtraWhitespaces,
            EscapesWhitespaces = _escapesWhitespaces,
            TreatsWhitespaceAsSuffix = _whitespaceAsSuffix,
        };
    }

    private ProtobufReader Message(ref ProtobufReader reader)
    {
        ReadOnlySpan<byte> bytes = reader.ReadBytes();
        return new ProtobufReader(bytes, _path, reader.Offset - bytes.Length);
    }

    private void ReadPiece(ProtobufReader reader)
    {
        string text = string.Empty;
        float score = 0;
        ulong kind = 1;
        while (reader.TryReadField(out int field))
        {
            switch (field)
            {
                case 1:
                    text = ReadString(ref reader);
                    break;
                case 2:
                    score = reader.ReadFloat();
                    break;
                case 3:
                    kind = reader.ReadVarint();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        string place = $"piece {_pieces.Count}";
        if (_pieces.Count == MaximumPieces)
        {
            throw Unusable(place, $"there are more than {MaximumPieces} pieces");
        }

        if (text.Length == 0 || !float.IsFinite(score) || kind is < 1 or > 6)
        {
            throw Unusable(place, "the piece has no text, no finite score or no known type");
        }

        if (!_ids.TryAdd(text, _pieces.Count))
        {
            throw Unusable(place, $"the piece is the same as piece {_ids[text]}");
        }

        _pieces.Add(new Piece(text, score, (PieceKind)kind));
    }

    private void ReadTrainerSpec(ProtobufReader reader)
    {
        while (reader.TryReadField(out int field))
        {
            switch (field)
            {
                case 3:
                    _modelType = reader.ReadVarint();
                    break;
                case 24:
                    _whitespaceAsSuffix = reader.ReadVarint() != 0;
                    break;
                case 35:
                    _byteFallback = reader.ReadVarint() != 0;
                    break;
                case 44:
                    _unknownSurface = ReadString(ref reader);
                    break;
                case 46:
                    _beginPiece = ReadString(ref reader);
                    break;
                case 47:
                    _endPiece = ReadString(ref reader);
                    break;
                default:
                    // The rest tells how the model was trained.
                    reader.Skip();
                    break;
            }
        }
    }

    private void ReadNormalizerSpec(ProtobufReader reader)
    {
        while (reader.TryReadField(out int field))
        {
            switch (field)
            {
                case 2:
                    ReadOnlySpan<byte> blob = reader.ReadBytes();
                    _characterMap = blob.IsEmpty ? null : CharacterMap.Read(blob, _path);
                    break;
                case 3:
                    _addsDummyPrefix = reader.ReadVarint() != 0;
                    break;
                case 4:
                    _removesExtraWhitespaces = reader.ReadVarint() != 0;
                    break;
                case 5:
                    _escapesWhitespaces = reader.ReadVarint() != 0;
                    break;
                default:
                    // The rule set's name and its source form: the compiled map is what counts.
                    reader.Skip();
                    break;
            }
        }
    }

    private void RefuseDenormalizer(ProtobufReader reader)
    {
        while (reader.TryReadField(out int field))
        {
            if (field == 2 && reader.ReadBytes().Length > 0)
            {
                throw Unusable("denormalizer_spec", "the model rewrites decoded text, which is not supported");
            }

            if (field != 2)
            {
                reader.Skip();
            }
        }
    }

    private string ReadString(ref ProtobufReader reader)
    {
        ReadOnlySpan<byte> bytes = reader.ReadBytes();
        if (bytes.Length > MaximumPieceLength)
        {
            throw reader.Damaged($"a text has more than {MaximumPieceLength} bytes");
        }

        try
        {
            return StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw reader.Damaged("a text is not valid UTF-8");
        }
    }

    private SegmentationKind Kind() => _modelType switch
    {
        1 => SegmentationKind.Unigram,
        2 => SegmentationKind.BytePair,
        _ => throw Unusable("trainer_spec.model_type", "only unigram and BPE models are supported"),
    };

    private int UnknownId()
    {
        int id = -1;
        for (int i = 0; i < _pieces.Count; i++)
        {
            if (_pieces[i].Kind == PieceKind.Unknown)
            {
                id = id < 0 ? i : throw Unusable($"piece {i}", "there is more than one unknown piece");
            }
        }

        return id >= 0 ? id : throw Unusable(null, "there is no unknown piece, so this is not a complete SentencePiece model");
    }

    private int[]? ByteIds()
    {
        int[] ids = new int[256];
        Array.Fill(ids, -1);
        for (int i = 0; i < _pieces.Count; i++)
        {
            if (_pieces[i].Kind == PieceKind.Byte)
            {
                ids[ByteValue(_pieces[i].Text) ?? throw Unusable($"piece {i}", "a byte piece does not name a byte as <0x00> to <0xFF>")] = i;
            }
        }

        int missing = ids.Count(id => id < 0);
        return _byteFallback switch
        {
            true when missing > 0 => throw Unusable(null, $"byte fallback is on and {missing} of the 256 byte pieces are missing"),
            false when missing < 256 => throw Unusable(null, "there are byte pieces and byte fallback is off"),
            true => ids,
            false => null,
        };
    }

    private static int? ByteValue(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
        && int.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out int value)
            ? value
            : null;

    private int? ControlId(string piece) =>
        _ids.TryGetValue(piece, out int id) && _pieces[id].Kind == PieceKind.Control ? id : null;

    private InputFileException Unusable(string? place, string problem) =>
        new(_path, place, problem, "Use a SentencePiece BPE or unigram model, or a tokenizer.json of the same model");
}
