using System.Runtime.CompilerServices;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>Clients that live elsewhere, whose receipts are noted here as they arrive: who is known to have stored an update is not asked again.</summary>
/// <param name="fleet">The clients.</param>
/// <param name="receipts">What is known to be stored.</param>
internal sealed class JournalledFleet(IClientFleet fleet, IReceiptLog receipts) : IClientFleet
{
    /// <inheritdoc/>
    public async IAsyncEnumerable<ClientOutcome> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(cohort);
        var toAsk = new List<int>();
        foreach (int client in cohort)
        {
            if (receipts.FindReceipt(instruction, client) is { } stored)
            {
                yield return stored;
            }
            else
            {
                toAsk.Add(client);
            }
        }

        if (toAsk.Count == 0)
        {
            yield break;
        }

        await foreach (ClientOutcome outcome in fleet.TrainAsync(instruction, toAsk, cancellationToken).ConfigureAwait(false))
        {
            if (outcome is ClientReceipt receipt)
            {
                receipts.RecordReceipt(instruction, receipt);
            }

            yield return outcome;
        }
    }
}
