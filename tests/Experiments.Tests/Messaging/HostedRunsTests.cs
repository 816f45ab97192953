using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.RunDirectories;
using FedLLM.Experiments.Tests.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>A real run whose clients train elsewhere: all that a cluster does but for Orleans.</summary>
public sealed class HostedRunsTests
{
    private static readonly string[] Short = ["federation.rounds=3", "evaluation.every=3", "federation.algorithm=scaffold"];

    [Fact]
    public async Task RunAsync_ClientsOnHostsThatCrash_EndsWithTheEmbeddedHashAndTrainsNobodyTwice()
    {
        using var folder = new TemporaryFolder();
        Experiment experiment = DemoAssets.Experiment(Short);
        RunResult embedded = await new ExperimentRunner(PreparedExperiment.Prepare(experiment), TimeProvider.System).RunAsync(folder["embedded"], [], default);
        await using var hosts = new CrashingHosts(folder.Root, "run");
        var fence = new CountingFence();
        var work = new PreparedRunWork(experiment, hosts.Prepared, folder["run"], _ => hosts, fence, new HurriedClock());
        await work.RunAsync([], default);

        Assert.Equal(embedded.AdapterHash, RoundLines.Read(Path.Combine(folder["run"], "rounds.jsonl"))[^1].Adapter);
        Assert.Equal([0, 1, 2, 3], fence.Passed);
        Assert.True(hosts.Crashes > 3);

        // Another training would have taken another time.
        Assert.All(hosts.Answers.GroupBy(a => (a.Round, a.Receipt.Client)), g => Assert.Single(g.Select(a => a.Receipt.Metrics.Seconds).Distinct()));
        Assert.Empty(Directory.GetFiles(Path.Combine(folder["run"], "receipts")));
        RunVerification verified = RunVerification.Of(folder["run"]);
        Assert.Empty(verified.Damage);
        Assert.Empty(verified.Notes);
    }

    [Fact]
    public async Task RunAsync_SupersededBeforeACommit_LeavesTheStateOfTheRoundBefore()
    {
        using var folder = new TemporaryFolder();
        await using var hosts = new CrashingHosts(folder.Root, "run");
        var fence = new CountingFence { SupersededAt = 2 };
        var work = new PreparedRunWork(DemoAssets.Experiment(Short), hosts.Prepared, folder["run"], _ => hosts, fence, new HurriedClock());
        await Assert.ThrowsAsync<SupersededException>(() => work.RunAsync([], default));
        Assert.Equal(1, RunStatus.Read(folder["run"]).Round);
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(folder["run"], "receipts")));
    }

    [Fact]
    public async Task OpenForClients_UpdateOfACommittedRound_GoesWhenTheRunIsOpenedAgain()
    {
        using var folder = new TemporaryFolder();
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment("federation.rounds=1"));
        var runner = new ExperimentRunner(prepared, TimeProvider.System);
        await runner.RunAsync(folder["run"], [], default);
        (FileTensorStore store, IReceiptLog receipts) = RunDirectory.OpenForClients(folder["run"]);
        string late = store.Put(ToyRun.Tensors(1));
        var instruction = new RoundInstruction("run", 1, "state", 0.1);
        receipts.RecordReceipt(instruction, new ClientReceipt(3, late, 1, [], new ClientMetrics(0, 0, 0)));
        Assert.Equal(late, receipts.FindReceipt(instruction, 3)!.UpdateHash);
        Assert.Null(receipts.FindReceipt(instruction with { LearningRate = 0.2 }, 3));
        Assert.Null(receipts.FindReceipt(instruction, 4));

        await runner.RunAsync(folder["run"], [], default);
        Assert.False(store.IsWhole(late));
        Assert.Null(receipts.FindReceipt(instruction, 3));
        Assert.Empty(Directory.GetFiles(Path.Combine(folder["run"], "receipts")));
    }

    private sealed class CountingFence : ICommitFence
    {
        public int LastRound => -1;

        public List<int> Passed { get; } = [];

        public int? SupersededAt { get; init; }

        public void Pass(GlobalState state, RoundRecord record)
        {
            if (state.Round == SupersededAt)
            {
                throw new SupersededException("Another coordinator drives the run.");
            }

            Passed.Add(state.Round);
        }
    }

    // Two hosts, clients by parity. Every second answer gets lost, and with it what the client's session remembers.
    private sealed class CrashingHosts : IClientLine, IAsyncDisposable
    {
        private readonly DeviceQueue[] _devices = [.. Enumerable.Range(0, 2).Select(_ => new DeviceQueue(TimeSpan.Zero, TimeProvider.System))];
        private readonly HostedRuns[] _hosts;
        private readonly string _run;
        private int _asked;

        public CrashingHosts(string root, string run)
        {
            _run = run;
            _hosts = [.. _devices.Select(d => new HostedRuns(root, Prepared, d, TimeProvider.System))];
        }

        public PreparedRuns Prepared { get; } = new(threads: 1);

        public int Crashes { get; private set; }

        public List<(int Round, ClientReceipt Receipt)> Answers { get; } = [];

        public async Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
        {
            using var session = new ClientSession(client, _hosts[client % 2].For(_run), TimeSpan.FromMinutes(1), TimeProvider.System);
            TrainingAnswer answer = await session.AskAsync(instruction, cancellationToken);
            lock (Answers)
            {
                Answers.Add((answer.Round, Assert.IsType<UpdateStored>(answer).Receipt));
                if (++_asked % 2 == 0)
                {
                    return answer;
                }

                Crashes++;
            }

            throw new ClientUnreachableException("The answer was lost.");
        }

        public async ValueTask DisposeAsync()
        {
            foreach (DeviceQueue device in _devices)
            {
                await device.DisposeAsync();
            }

            foreach (HostedRuns host in _hosts)
            {
                host.Dispose();
            }
        }
    }
}
