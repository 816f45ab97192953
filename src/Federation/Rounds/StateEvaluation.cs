namespace FedLLM.Federation.Rounds;

/// <summary>What is measured after an evaluated round: the global state, and clients on their own held-out data.</summary>
/// <param name="global">Measures the state, or null.</param>
/// <param name="clients">Measures clients, or null.</param>
internal sealed class StateEvaluation(IRoundEvaluator? global, IClientEvaluator? clients)
{
    /// <summary>Measures, and charges the time to the phase <c>evaluate</c>.</summary>
    public async Task<(IReadOnlyDictionary<string, double>? Global, IReadOnlyList<ClientEvaluation>? Clients)> OfAsync(
        RoundInstruction? instruction, GlobalState state, IReadOnlyList<ClientReceipt> members, PhaseClock seconds, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<string, double>? values = global is null ? null : await global.EvaluateAsync(state, cancellationToken);
        IReadOnlyList<ClientEvaluation>? own = clients is null ? null : await clients.EvaluateAsync(instruction, state, members, cancellationToken);
        if (global is not null || clients is not null)
        {
            seconds.Charge("evaluate");
        }

        return (values, own is { Count: > 0 } ? own : null);
    }
}
