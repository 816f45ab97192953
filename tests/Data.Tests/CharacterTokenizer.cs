using FedLLM.Engine.Tokenization;

namespace FedLLM.Data.Tests;

/// <summary>A token for each character, its id the UTF-16 code plus 10; ids 1 and 2 are begin- and end-of-sequence.</summary>
internal sealed class CharacterTokenizer(bool addsBegin = true, bool hasEnd = true) : ITokenizer
{
    public const int Begin = 1;
    public const int End = 2;

    public int VocabularySize => 10 + char.MaxValue + 1;

    public int? BeginOfSequenceId => Begin;

    public int? EndOfSequenceId => hasEnd ? End : null;

    public bool AddsBeginOfSequence => addsBegin;

    public bool AddsEndOfSequence => false;

    public IReadOnlyList<Token> Encode(string text) => [.. text.Select((c, i) => new Token(10 + c, i, i + 1))];

    /// <summary>Begin-of-sequence is written ^, end-of-sequence $.</summary>
    public string Decode(IReadOnlyList<int> ids, bool keepSpecial = false) =>
        string.Concat(ids.Select(id => id == Begin ? '^' : id == End ? '$' : (char)(id - 10)));
}
