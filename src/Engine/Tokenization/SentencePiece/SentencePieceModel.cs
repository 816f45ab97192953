namespace FedLLM.Engine.Tokenization.SentencePiece;

/// <summary>How a model cuts text (trainer_spec.model_type).</summary>
internal enum SegmentationKind
{
    Unigram = 1,
    BytePair = 2,
}

/// <summary>What a piece is for (ModelProto.SentencePiece.Type).</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One piece of a vocabulary; its index is its token id.</summary>
/// <param name="Text">Never empty.</param>
/// <param name="Score">Finite.</param>
/// <param name="Kind">What it is for.</param>
internal readonly record struct Piece(string Text, float Score, PieceKind Kind)
{
    /// <summary>Whether plain text can produce it as a piece (not byte by byte).</summary>
    public bool IsMatchable => Kind is PieceKind.Normal or PieceKind.UserDefined or PieceKind.Unused;
}

/// <summary>What a SentencePiece model file says, checked (sentencepiece_model.proto; the defaults are that file's).</summary>
internal sealed class SentencePieceModel
{
    /// <summary>The pieces, by token id.</summary>
    public required IReadOnlyList<Piece> Pieces { get; init; }

    /// <summary>How text is cut.</summary>
    public required SegmentationKind Kind { get; init; }

    /// <summary>Token id of the unknown piece.</summary>
    public required int UnknownId { get; init; }

    /// <summary>Token id of each byte's piece, or null without byte fallback.</summary>
    public required int[]? ByteIds { get; init; }

    /// <summary>Token id of the control piece that begins a sequence, if there is one.</summary>
    public required int? BeginOfSequenceId { get; init; }

    /// <summary>Token id of the control piece that ends a sequence, if there is one.</summary>
    public required int? EndOfSequenceId { get; init; }

    /// <summary>What the unknown piece decodes to.</summary>
    public required string UnknownSurface { get; init; }

    /// <summary>Character replacements, or null for none.</summary>
    public required CharacterMap? CharacterMap { get; init; }

    /// <summary>Whether a space is put before (or after) the text.</summary>
    public required bool AddsDummyPrefix { get; init; }

    /// <summary>Whether leading, trailing and repeated spaces are dropped.</summary>
    public required bool RemovesExtraWhitespaces { get; init; }

    /// <summary>Whether a space becomes U+2581.</summary>
    public required bool EscapesWhitespaces { get; init; }

    /// <summary>Whether the dummy space goes after the text.</summary>
    public required bool TreatsWhitespaceAsSuffix { get; init; }
}
