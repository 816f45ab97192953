namespace FedLLM.Engine.Tokenization;

/// <summary>One token of a text.</summary>
/// <param name="Id">Index in the vocabulary.</param>
/// <param name="Start">UTF-16 index in the text of the first character the token covers.</param>
/// <param name="End">UTF-16 index one past the last character the token covers. Tokens that are parts of one character (bytes) all cover that character.</param>
public readonly record struct Token(int Id, int Start, int End);

/// <summary>Text to token ids and back, for one vocabulary. Implementations are immutable and safe for concurrent use.</summary>
public interface ITokenizer
{
    /// <summary>One past the largest token id, added tokens included.</summary>
    int VocabularySize { get; }

    /// <summary>Id of the begin-of-sequence token, if there is one.</summary>
    int? BeginOfSequenceId { get; }

    /// <summary>Id of the end-of-sequence token, if there is one.</summary>
    int? EndOfSequenceId { get; }

    /// <summary>Whether the tokenizer's configuration puts begin-of-sequence before every text.</summary>
    bool AddsBeginOfSequence { get; }

    /// <summary>Whether the tokenizer's configuration puts end-of-sequence after every text.</summary>
    bool AddsEndOfSequence { get; }

    /// <summary>Encodes <paramref name="text"/> without adding begin- or end-of-sequence.</summary>
    IReadOnlyList<Token> Encode(string text);

    /// <summary>Decodes ids to text; special tokens are left out unless <paramref name="keepSpecial"/>. Invalid UTF-8 becomes U+FFFD.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An id is not in the vocabulary.</exception>
    string Decode(IReadOnlyList<int> ids, bool keepSpecial = false);
}
