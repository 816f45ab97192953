using FedLLM.Federation.Simulation;
using FedLLM.Numerics;

namespace FedLLM.Federation.Rounds;

/// <summary>
/// Lets a round's clients train and says who is in the round and who is not: one outcome for each client of the cohort. The round wants a number of usable
/// updates; where clients are simulated, the first in simulated time to give them are in, and those who would come later need not train at all.
/// </summary>
/// <param name="fleet">Trains the clients.</param>
/// <param name="check">Decides whether an answer counts.</param>
/// <param name="heard">Hears of each outcome.</param>
internal sealed class RoundTraining(IClientFleet fleet, OutcomeCheck check, Action<ClientOutcome> heard)
{
    private readonly SortedDictionary<int, ClientOutcome> _outcomes = [];

    /// <summary>Trains until membership closes; returns the outcomes ascending by id.</summary>
    /// <param name="instruction">What the clients are told.</param>
    /// <param name="cohort">The clients sampled.</param>
    /// <param name="wanted">How many usable updates close the round; all of the cohort's where clients are not simulated.</param>
    /// <param name="simulated">When the clients answer, or null where each is waited for.</param>
    /// <param name="layoutOf">The tensors of a client's update.</param>
    /// <param name="cancellationToken">Stops between answers.</param>
    public async Task<IReadOnlyList<ClientOutcome>> RunAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, int wanted, SimulatedRound? simulated, Func<int, TensorLayout> layoutOf, CancellationToken cancellationToken)
    {
        foreach (ClientExclusion absent in simulated?.Absent() ?? [])
        {
            Record(absent);
        }

        // As many at a time as are still wanted: where one's update cannot count, the next to arrive takes its place.
        var arriving = new Queue<int>(simulated?.Arriving ?? cohort);
        int members = 0;
        while (members < wanted && arriving.Count > 0)
        {
            int[] asked = [.. Enumerable.Range(0, Math.Min(wanted - members, arriving.Count)).Select(_ => arriving.Dequeue()).Order()];
            await AskAsync(instruction, asked, layoutOf, cancellationToken);
            members += asked.Count(c => _outcomes[c] is ClientReceipt);
        }

        foreach (int client in arriving)
        {
            Record(simulated!.TooLate(client, wanted));
        }

        return [.. _outcomes.Values];
    }

    // The first outcome of a client stands; what comes from elsewhere, or again, is ignored.
    private async Task AskAsync(RoundInstruction instruction, int[] asked, Func<int, TensorLayout> layoutOf, CancellationToken cancellationToken)
    {
        var awaited = asked.ToHashSet();
        await foreach (ClientOutcome answer in fleet.TrainAsync(instruction, asked, cancellationToken))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (awaited.Remove(answer.Client))
            {
                Record(check.Inspect(answer, layoutOf(answer.Client)));
            }

            if (awaited.Count == 0)
            {
                break;
            }
        }

        // A fleet that stops early because it is cancelled has not decided who failed.
        cancellationToken.ThrowIfCancellationRequested();
        foreach (int client in awaited.Order())
        {
            Record(new ClientExclusion(client, "it gave no answer"));
        }
    }

    private void Record(ClientOutcome outcome)
    {
        _outcomes[outcome.Client] = outcome;
        heard(outcome);
    }
}
