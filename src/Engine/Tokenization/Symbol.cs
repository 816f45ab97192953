namespace FedLLM.Engine.Tokenization;

/// <summary>A stretch of a word that is, or may become, one token.</summary>
/// <param name="Id">Index in the vocabulary, or -1 where the vocabulary has no such piece.</param>
/// <param name="Length">Number of UTF-16 characters of the word.</param>
/// <param name="Frozen">Whether it may not be merged any further.</param>
internal readonly record struct Symbol(int Id, int Length, bool Frozen = false);
