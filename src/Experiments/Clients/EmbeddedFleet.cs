using System.Runtime.CompilerServices;
using System.Threading.Channels;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// All clients in this process, on one base model. The cohort trains in lanes, side by side; neither the lanes nor the threads nor the order in which clients finish
/// change a bit of their updates.
/// </summary>
public sealed class EmbeddedFleet : IClientFleet, IDisposable
{
    private readonly ICohortTrainer _trainer;
    private readonly ITensorStore _store;
    private readonly IReceiptLog _receipts;
    private readonly ILoraAggregation _aggregation;

    /// <summary>Prepares the fleet.</summary>
    /// <param name="trainer">Trains the clients; disposed with the fleet.</param>
    /// <param name="store">Where the global state is read and updates are put.</param>
    /// <param name="receipts">What is already stored for an unfinished round.</param>
    /// <param name="aggregation">Says with which adapter a client begins; the global one by default.</param>
    public EmbeddedFleet(ICohortTrainer trainer, ITensorStore store, IReceiptLog receipts, ILoraAggregation? aggregation = null) =>
        (_trainer, _store, _receipts, _aggregation) = (trainer, store, receipts, aggregation ?? new FedIt());

    /// <inheritdoc/>
    public async IAsyncEnumerable<ClientOutcome> TrainAsync(
        RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(cohort);
        var toTrain = new List<int>();
        foreach (int client in cohort)
        {
            if (_receipts.FindReceipt(instruction, client) is { } stored)
            {
                yield return stored;
            }
            else
            {
                toTrain.Add(client);
            }
        }

        if (toTrain.Count == 0)
        {
            yield break;
        }

        var round = new ClientRounds(instruction, _aggregation, _store);
        var outcomes = Channel.CreateUnbounded<ClientOutcome>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task all = _trainer.TrainAsync(
            toTrain, round.Begin, round.Terms, update => outcomes.Writer.TryWrite(Store(instruction, round, update)), stop.Token);
        _ = all.ContinueWith(
            done => outcomes.Writer.Complete(done.Exception?.InnerException), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        try
        {
            await foreach (ClientOutcome outcome in outcomes.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                yield return outcome;
            }

            await all.ConfigureAwait(false);
        }
        finally
        {
            // A caller that stops reading must not leave threads behind that still use the lanes.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(all).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _trainer.Dispose();

    private ClientReceipt Store(RoundInstruction instruction, ClientRounds round, LocalUpdate update)
    {
        ClientReceipt receipt = round.Finish(update, _trainer.Weight(update.Client));
        _receipts.RecordReceipt(instruction, receipt);
        return receipt;
    }
}
