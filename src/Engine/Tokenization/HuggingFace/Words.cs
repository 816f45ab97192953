namespace FedLLM.Engine.Tokenization.HuggingFace;

/// <summary>Text and the stretches of it that are encoded each by itself.</summary>
/// <param name="Text">The text.</param>
/// <param name="Ranges">The stretches [start, end), none of them empty, in order.</param>
internal readonly record struct Words(MappedText Text, List<(int Start, int End)> Ranges)
{
    /// <summary>The characters of all stretches together.</summary>
    public int Length => Ranges.Sum(range => range.End - range.Start);
}

/// <summary>Cuts text into words, and may rewrite it.</summary>
internal interface IPreTokenizer
{
    /// <summary>Cuts each stretch further.</summary>
    Words Apply(Words words);
}
