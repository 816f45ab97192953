namespace FedLLM.Engine.Training;

/// <summary>One training or evaluation sequence.</summary>
/// <param name="Tokens">Token ids, at least two.</param>
/// <param name="Scored">Whether the token at each position is a target of the loss; position 0 never is.</param>
public sealed record TokenSequence(int[] Tokens, bool[] Scored)
{
    /// <summary>Number of scored tokens.</summary>
    public int ScoredCount => Scored.Length > 1 ? Scored.AsSpan(1).Count(true) : 0;
}
