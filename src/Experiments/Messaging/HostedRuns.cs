using FedLLM.Engine.Files;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Messaging;

/// <summary>
/// The runs whose clients train in this process: of each one what its device needs, made when the first of its clients is asked, and given up when others are used
/// more. They share one device.
/// </summary>
/// <param name="root">The folder of the run directories, shared by all processes.</param>
/// <param name="prepared">Reads models and data.</param>
/// <param name="device">The device's queue.</param>
/// <param name="clock">Measures the clients' time.</param>
/// <param name="most">Most runs held at a time, at least 1.</param>
public sealed class HostedRuns(string root, PreparedRuns prepared, DeviceQueue device, TimeProvider clock, int most = 2) : IDisposable
{
    private readonly Lock _gate = new();
    private readonly LinkedList<(string Run, Lazy<Task<HostedRun>> Hosted)> _byUse = new();

    /// <summary>What the run directories are kept on; the operating system's files by default.</summary>
    public IRunFiles Files { get; init; } = DiskFiles.Instance;

    /// <summary>The names of the runs that are held.</summary>
    public IReadOnlyList<string> Held
    {
        get
        {
            lock (_gate)
            {
                return [.. _byUse.Select(h => h.Run).Order(StringComparer.Ordinal)];
            }
        }
    }

    /// <summary>What the device does now.</summary>
    public DeviceWork Work => device.Work;

    /// <summary>Returns the device's queue as one run's clients see it; nothing is read yet.</summary>
    public ITrainingQueue For(string run) => new View(this, run);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            foreach ((_, Lazy<Task<HostedRun>> hosted) in _byUse)
            {
                GiveUp(hosted);
            }

            _byUse.Clear();
        }
    }

    private async Task<ClientReceipt> TrainAsync(string run, RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        Lazy<Task<HostedRun>> lazy;
        HostedRun hosted;
        do
        {
            lazy = Find(run);
            try
            {
                hosted = await lazy.Value.WaitAsync(cancellationToken).ConfigureAwait(false);
            }
            catch (Exception fault) when (lazy.Value.IsFaulted)
            {
                // What could not be read may be there the next time it is asked.
                Forget(lazy);
                if (fault is InputFileException or ExperimentFileException)
                {
                    throw new TrainingFailedException("its host cannot use the experiment's files: " + fault.Message, fault);
                }

                throw;
            }
        }
        while (!hosted.TryEnter());
        try
        {
            return await TrainAsync(lazy, hosted, instruction, client, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            hosted.Leave();
        }
    }

    private Task<ClientReceipt> TrainAsync(
        Lazy<Task<HostedRun>> lazy, HostedRun hosted, RoundInstruction instruction, int client, CancellationToken cancellationToken)
    {
        if (hosted.Identity != instruction.RunId)
        {
            Forget(lazy);
            prepared.Refresh(hosted.Experiment);
            throw new TrainingFailedException(
                "the model, the data or the program of its host differ from those of the run's coordinator");
        }

        if (client >= hosted.Clients)
        {
            throw new TrainingFailedException($"its host finds only {hosted.Clients} clients");
        }

        if (hosted.Elsewhere(client) is { } silo)
        {
            throw new TrainingFailedException($"its shard is pinned to silo {silo}, and another one was asked");
        }

        return hosted.Queue.TrainAsync(instruction, client, cancellationToken);
    }

    private Lazy<Task<HostedRun>> Find(string run)
    {
        lock (_gate)
        {
            LinkedListNode<(string Run, Lazy<Task<HostedRun>> Hosted)>? node = _byUse.First;
            while (node is not null && node.Value.Run != run)
            {
                node = node.Next;
            }

            if (node is not null)
            {
                _byUse.Remove(node);
            }
            else
            {
                node = new((run, new Lazy<Task<HostedRun>>(() => Task.Run(() => HostAsync(run)))));
            }

            _byUse.AddFirst(node);
            while (_byUse.Count > most)
            {
                GiveUp(_byUse.Last!.Value.Hosted);
                _byUse.RemoveLast();
            }

            return node.Value.Hosted;
        }
    }

    private void Forget(Lazy<Task<HostedRun>> hosted)
    {
        lock (_gate)
        {
            foreach ((string Run, Lazy<Task<HostedRun>> Hosted) held in _byUse.Where(h => h.Hosted == hosted).ToArray())
            {
                _byUse.Remove(held);
                GiveUp(hosted);
            }
        }
    }

    private async Task<HostedRun> HostAsync(string run)
    {
        string directory = Path.Combine(root, run);
        Experiment experiment = RunDirectory.ReadExperiment(directory, Files);
        PinnedClients? pinned = null;
        if (experiment.Data.Placement == DataPlacement.Pinned)
        {
            pinned = PinnedClients.Read(directory, Files) ?? throw new InputFileException(
                directory, null, "holds no whole pinned.json, the list of the clients that silos registered", "Restore it, or start the run under a name of its own");
            prepared.Shards.RequireConsent(experiment.Data);
            prepared.Shards.RequireUnchanged(experiment.Data, pinned);
        }

        PreparedExperiment ready = await prepared.GetAsync(experiment, pinned).ConfigureAwait(false);
        (FileTensorStore store, IReceiptLog receipts) = RunDirectory.OpenForClients(directory, Files);
        TrainingOptions training = Participation.Training(ready);
        var fleet = new EmbeddedFleet(
            CohortTrainers.For(ready, training, clock), store, receipts, LoraAggregations.For(experiment.Federation.LoraAggregation, experiment.Lora, (ulong)experiment.Seed));
        int threads = training.Threads!.Value;
        int atOnce = Math.Max(training.Lanes ?? LaneBudget.Lanes(ready, training, threads), threads);
        return new HostedRun(experiment, ExperimentIdentity.Hash(experiment, ready.Inputs), ready.Shards.Clients, fleet, device.For(run, fleet, atOnce), Elsewhere);

        string? Elsewhere(int client) => pinned?.Shards[client].Silo is { } silo && silo != prepared.Shards.Silo ? silo : null;
    }

    // What trains goes on with what it has; its memory goes when it has ended.
    private static void GiveUp(Lazy<Task<HostedRun>> hosted)
    {
        if (hosted.IsValueCreated)
        {
            _ = hosted.Value.ContinueWith(h => h.Result.GiveUp(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
        }
    }

    private sealed class View(HostedRuns runs, string run) : ITrainingQueue
    {
        public Task<ClientReceipt> TrainAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken) =>
            runs.TrainAsync(run, instruction, client, cancellationToken);
    }
}
