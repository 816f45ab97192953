namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>A token found in the text before the model sees it (tokenizers, added_vocabulary.rs).</summary>
/// <param name="Id">Token id.</param>
/// <param name="Content">What it is in the text; never empty.</param>
/// <param name="SingleWord">Whether it must not touch a word character on either side.</param>
/// <param name="StripsLeft">Whether it takes the whitespace before it along.</param>
/// <param name="StripsRight">Whether it takes the whitespace after it along.</param>
/// <param name="IsNormalized">Whether it is looked for in the normalized text.</param>
/// <param name="IsSpecial">Whether decoding leaves it out.</param>
internal sealed record AddedToken(
    int Id, string Content, bool SingleWord, bool StripsLeft, bool StripsRight, bool IsNormalized, bool IsSpecial);
