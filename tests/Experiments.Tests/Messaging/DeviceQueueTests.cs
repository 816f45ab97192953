using System.Runtime.CompilerServices;
using FedLLM.Experiments.Messaging;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>A device that several clients and runs share.</summary>
public sealed class DeviceQueueTests
{
    [Fact]
    public async Task TrainAsync_ClientsOfOneInstruction_TrainTogetherAndOthersApart()
    {
        var fleet = new GatedFleet();
        var other = new GatedFleet();
        await using var device = new DeviceQueue(TimeSpan.Zero, TimeProvider.System);
        ITrainingQueue queue = device.For("run", fleet, 3);
        Task<ClientReceipt> first = queue.TrainAsync(Instruction(1, 0), 0, default);
        await fleet.Started.WaitAsync();

        // While the first trains, others come: three of its round are the most at once, then another round, then another run.
        Task<ClientReceipt>[] round = [.. Enumerable.Range(1, 4).Select(c => queue.TrainAsync(Instruction(1, c), c, default))];
        Task<ClientReceipt> later = queue.TrainAsync(Instruction(2, 5), 5, default);
        Task<ClientReceipt> run = device.For("other", other, 3).TrainAsync(Instruction(1, 9), 9, default);
        Assert.Equal(6, device.Length);
        DeviceWork work = device.Work;
        Assert.Equal([new QueuedClient("run", 1, 0)], work.Training);
        Assert.Equal(3, work.AtOnce);
        Assert.Equal(
            [.. Enumerable.Range(1, 4).Select(c => new QueuedClient("run", 1, c)), new QueuedClient("run", 2, 5), new QueuedClient("other", 1, 9)], work.Waiting);
        fleet.Open.Release(10);
        other.Open.Release();
        Assert.Equal([0, 1, 2, 3, 4, 5, 9], (await Task.WhenAll([first, .. round, later, run])).Select(r => r.Client));
        Assert.Equal(["1: 0", "1: 1 2 3", "1: 4", "2: 5"], fleet.Cohorts);
        Assert.Equal(["1: 9"], other.Cohorts);
        Assert.Equal((0, 0, 0), (device.Work.Training.Count, device.Work.AtOnce, device.Work.Waiting.Count));
        Assert.Equal([1, 2, 3], fleet.PrivateStates[1].Order());
    }

    [Fact]
    public async Task TrainAsync_ExcludedClient_FailsWithItsReasonAndTheOthersGoOn()
    {
        var fleet = new GatedFleet { Excluded = 1 };
        fleet.Open.Release(10);
        await using var device = new DeviceQueue(TimeSpan.FromMilliseconds(1), TimeProvider.System);
        ITrainingQueue queue = device.For("run", fleet, 4);
        Task<ClientReceipt> excluded = queue.TrainAsync(Instruction(1, 1), 1, default);
        Task<ClientReceipt> good = queue.TrainAsync(Instruction(1, 2), 2, default);
        Assert.Equal("excluded", (await Assert.ThrowsAsync<TrainingFailedException>(() => excluded)).Message);
        Assert.Equal(2, (await good).Client);
    }

    [Fact]
    public async Task TrainAsync_FleetThatFails_TellsThoseWhoWaitedAndServesTheNext()
    {
        var fleet = new GatedFleet { Fault = new IOException("the disk is full") };
        fleet.Open.Release(10);
        await using var device = new DeviceQueue(TimeSpan.Zero, TimeProvider.System);
        ITrainingQueue queue = device.For("run", fleet, 4);
        await Assert.ThrowsAsync<IOException>(() => queue.TrainAsync(Instruction(1, 1), 1, default));
        fleet.Fault = null;
        Assert.Equal(1, (await queue.TrainAsync(Instruction(1, 1), 1, default)).Client);
    }

    [Fact]
    public async Task TrainAsync_EverybodyGaveUp_StopsTheTrainingAndServesTheNext()
    {
        var fleet = new GatedFleet();
        await using var device = new DeviceQueue(TimeSpan.Zero, TimeProvider.System);
        ITrainingQueue queue = device.For("run", fleet, 4);
        using var caller = new CancellationTokenSource();
        Task<ClientReceipt> gone = queue.TrainAsync(Instruction(1, 1), 1, caller.Token);
        await fleet.Started.WaitAsync();
        Task<ClientReceipt> waitsInVain = queue.TrainAsync(Instruction(2, 2), 2, caller.Token);
        await caller.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        fleet.Open.Release(10);
        Assert.Equal(3, (await queue.TrainAsync(Instruction(2, 3), 3, default)).Client);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waitsInVain);
        Assert.Equal(["1: 1", "2: 3"], fleet.Cohorts);
    }

    [Fact]
    public async Task DisposeAsync_ClientsWaiting_CancelsThem()
    {
        var fleet = new GatedFleet();
        var device = new DeviceQueue(TimeSpan.Zero, TimeProvider.System);
        ITrainingQueue queue = device.For("run", fleet, 1);
        Task<ClientReceipt> trains = queue.TrainAsync(Instruction(1, 1), 1, default);
        await fleet.Started.WaitAsync();
        Task<ClientReceipt> waits = queue.TrainAsync(Instruction(1, 2), 2, default);
        await device.DisposeAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => trains);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waits);
    }

    private static RoundInstruction Instruction(int round, int client) => new("run", round, "state", 0.1)
    {
        PrivateStates = new Dictionary<int, IReadOnlyDictionary<string, string>> { [client] = new Dictionary<string, string> { ["c"] = "x" } },
    };

    // Trains a cohort when a permit is there.
    private sealed class GatedFleet : IClientFleet
    {
        public SemaphoreSlim Open { get; } = new(0);

        public SemaphoreSlim Started { get; } = new(0);

        public List<string> Cohorts { get; } = [];

        public List<IEnumerable<int>> PrivateStates { get; } = [];

        public int Excluded { get; init; } = -1;

        public Exception? Fault { get; set; }

        public async IAsyncEnumerable<ClientOutcome> TrainAsync(
            RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            Cohorts.Add($"{instruction.Round}: {string.Join(' ', cohort)}");
            PrivateStates.Add(instruction.PrivateStates.Keys);
            Started.Release();
            await Open.WaitAsync(cancellationToken);
            if (Fault is { } fault)
            {
                throw fault;
            }

            foreach (int client in cohort)
            {
                yield return client == Excluded ? new ClientExclusion(client, "excluded") : CountingQueue.ReceiptOf(instruction, client);
            }
        }
    }
}
