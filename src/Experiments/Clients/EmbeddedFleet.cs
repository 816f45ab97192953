using System.Runtime.CompilerServices;
using System.Threading.Channels;
using FedLLM.Federation.Aggregation;
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

    /// <summary>Prepares the fleet.</summary>
    /// <param name="trainer">Trains the clients; disposed with the fleet.</param>
    /// <param name="store">Where the global state is read and updates are put.</param>
    /// <param name="receipts">What is already stored for an unfinished round.</param>
    public EmbeddedFleet(ICohortTrainer trainer, ITensorStore store, IReceiptLog receipts) => (_trainer, _store, _receipts) = (trainer, store, receipts);

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

        var start = new ClientStart(_store.Get(instruction.StateHash));
        var terms = new RoundTerms(instruction.Round, instruction.LearningRate) { ProximalMu = instruction.ProximalMu };
        var outcomes = Channel.CreateUnbounded<ClientOutcome>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task all = _trainer.TrainAsync(
            toTrain, _ => start, terms, update => outcomes.Writer.TryWrite(Store(instruction, update)), stop.Token);
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

    private ClientReceipt Store(RoundInstruction instruction, LocalUpdate update)
    {
        string hash = _store.Put(update.Delta);
        var receipt = new ClientReceipt(update.Client, hash, _trainer.Weight(update.Client), TensorMagnitudes.Of(update.Delta), update.Metrics);
        _receipts.RecordReceipt(instruction, receipt);
        return receipt;
    }
}
