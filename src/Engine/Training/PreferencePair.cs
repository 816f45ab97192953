namespace FedLLM.Engine.Training;

/// <summary>Two answers to one prompt, each a whole sequence: the prompt's tokens, not scored, and the answer's, scored.</summary>
/// <param name="Chosen">The sequence that was preferred.</param>
/// <param name="Rejected">The other.</param>
public sealed record PreferencePair(TokenSequence Chosen, TokenSequence Rejected)
{
    /// <summary>Number of leading tokens that both sequences have in common and neither scores: what a pass over the pair needs to compute once.</summary>
    public int SharedPrefix { get; } = CountShared(Chosen, Rejected);

    /// <summary>Number of tokens that a pass over the pair computes: those of both sequences, the shared ones once.</summary>
    public int Tokens => Chosen.Tokens.Length + Rejected.Tokens.Length - SharedPrefix;

    private static int CountShared(TokenSequence chosen, TokenSequence rejected)
    {
        int limit = Math.Min(chosen.Tokens.Length, rejected.Tokens.Length);
        int shared = 0;
        while (shared < limit && chosen.Tokens[shared] == rejected.Tokens[shared] && !chosen.Scored[shared] && !rejected.Scored[shared])
        {
            shared++;
        }

        return shared;
    }
}
