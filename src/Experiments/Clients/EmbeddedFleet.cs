using System.Runtime.CompilerServices;
using System.Threading.Channels;
using FedLLM.Data.Shards;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>
/// All clients in this process, on one base model. The cohort trains side by side, each client on its share of the threads; neither the threads nor
/// the order in which clients finish changes a bit of their updates.
/// </summary>
public sealed class EmbeddedFleet : IClientFleet, IDisposable
{
    private readonly DecoderWeights _weights;
    private readonly LoraConfig _lora;
    private readonly AdamWSettings _optimizer;
    private readonly LocalTraining _training;
    private readonly IShardSource<TokenSequence> _shards;
    private readonly ITensorStore _store;
    private readonly IReceiptLog _receipts;
    private readonly int _threads;
    private readonly int _lanes;
    private Lane[] _built = [];

    /// <summary>Prepares the fleet.</summary>
    /// <param name="weights">The frozen base model, shared by all clients.</param>
    /// <param name="lora">The adapter's shape.</param>
    /// <param name="optimizer">The clients' optimizer, fresh each round.</param>
    /// <param name="training">What a client does in a round.</param>
    /// <param name="shards">The clients' samples.</param>
    /// <param name="store">Where the global state is read and updates are put.</param>
    /// <param name="receipts">What is already stored for an unfinished round.</param>
    /// <param name="threads">Threads to use, at least 1.</param>
    /// <param name="lanes">Most clients that train at the same time, at least 1.</param>
    public EmbeddedFleet(
        DecoderWeights weights, LoraConfig lora, AdamWSettings optimizer, LocalTraining training, IShardSource<TokenSequence> shards, ITensorStore store,
        IReceiptLog receipts, int threads, int lanes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(lanes, 1);
        (_weights, _lora, _optimizer, _training, _shards, _store, _receipts, _threads, _lanes) =
            (weights, lora, optimizer, training, shards, store, receipts, threads, lanes);
    }

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

        TensorSet global = _store.Get(instruction.StateHash);
        Lane[] lanes = Lanes(Math.Min(Math.Min(_lanes, _threads), toTrain.Count));
        var outcomes = Channel.CreateUnbounded<ClientOutcome>();
        int next = -1;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] tasks = [.. lanes.Select(lane => Task.Factory.StartNew(
            () =>
            {
                for (int i = Interlocked.Increment(ref next); i < toTrain.Count; i = Interlocked.Increment(ref next))
                {
                    outcomes.Writer.TryWrite(Train(lane.Trainer, instruction, toTrain[i], global, stop.Token));
                }
            },
            stop.Token,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        Task all = Task.WhenAll(tasks);
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
            // A caller that stops reading must not leave threads behind that still use the trainers.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAny(all).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Lane lane in _built)
        {
            lane.Workers.Dispose();
        }
    }

    private ClientReceipt Train(LoraTrainer trainer, RoundInstruction instruction, int client, TensorSet global, CancellationToken cancellationToken)
    {
        Shard<TokenSequence> shard = _shards.Load(client);
        LocalUpdate update = _training.Train(trainer, global, shard, instruction.Round, instruction.LearningRate, cancellationToken);
        string hash = _store.Put(update.Delta);
        var receipt = new ClientReceipt(client, hash, shard.Samples.Count, TensorMagnitudes.Of(update.Delta), update.Metrics);
        _receipts.RecordReceipt(instruction, receipt);
        return receipt;
    }

    private Lane[] Lanes(int count)
    {
        if (_built.Length == count)
        {
            return _built;
        }

        Dispose();
        _built =
        [
            .. Enumerable.Range(0, count).Select(i =>
            {
                // The first lanes take what is left over of the threads.
                var workers = new Workers((_threads / count) + (i < _threads % count ? 1 : 0));
                return new Lane(new LoraTrainer(_weights, _lora, _optimizer, workers), workers);
            }),
        ];
        return _built;
    }

    private sealed record Lane(LoraTrainer Trainer, Workers Workers);
}
