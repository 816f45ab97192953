namespace FedLLM.Federation.Rounds;

/// <summary>What a client's own held-out data says of the global adapter after a round, and of the client's own.</summary>
/// <param name="Id">Client id, from 0.</param>
/// <param name="Weight">Of how many scored tokens, or pairs, the values are means; positive.</param>
/// <param name="Global">The suites' values with the global adapter.</param>
/// <param name="Own">Those with its own adapter: the one it trained in the round, or keeps; null where it has none.</param>
public sealed record ClientEvaluation(int Id, long Weight, IReadOnlyDictionary<string, double> Global, IReadOnlyDictionary<string, double>? Own);

/// <summary>Measures clients on their own held-out data.</summary>
public interface IClientEvaluator
{
    /// <summary>Returns what was measured, ascending by id; clients without held-out data are absent.</summary>
    /// <param name="instruction">What the round's clients were told; null before the first round.</param>
    /// <param name="state">The global state after the round.</param>
    /// <param name="members">The round's members; empty where it was abandoned.</param>
    /// <param name="cancellationToken">Stops between clients.</param>
    Task<IReadOnlyList<ClientEvaluation>> EvaluateAsync(
        RoundInstruction? instruction, GlobalState state, IReadOnlyList<ClientReceipt> members, CancellationToken cancellationToken);
}
