using FedLLM.Data.Shards;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Coordination;
using FedLLM.Experiments.Messaging;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.Messaging;
using FedLLM.Experiments.Tests.RunDirectories;
using FedLLM.Experiments.Tests.Running;
using FedLLM.Federation.Rounds;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Pinning;

/// <summary>A run whose clients' shards lie on two hosts, of which the coordinator is neither.</summary>
public sealed class PinnedRunTests
{
    private static readonly string[] Names = ["a", "b"];
    private static readonly string[] Short = ["federation.rounds=2", "evaluation.every=2"];

    [Fact]
    public async Task RunAsync_ShardsOnTwoHosts_EndsWithTheHashOfAllInOneFolder()
    {
        using var folder = new TemporaryFolder();
        using var shards = new PinnedDemo(Names);
        Experiment experiment = DemoAssets.Experiment([.. Short, .. PinnedDemo.Overrides]);
        RunResult embedded = await new ExperimentRunner(PreparedExperiment.Prepare(experiment), TimeProvider.System).RunAsync(folder["embedded"], [], default);

        // What the coordinator itself is told to read is not there.
        Experiment elsewhere = experiment with { Data = experiment.Data with { Path = folder["nowhere/data"] } };
        await using var hosts = new Hosts(folder.Root, shards);
        var work = new PreparedRunWork(elsewhere, new PreparedRuns(threads: 1), folder["run"], hosts.LineTo, new OpenFence(), new HurriedClock()) { Silos = hosts };
        await work.RunAsync([], default);

        Assert.Equal(embedded.AdapterHash, RoundLines.Read(Path.Combine(folder["run"], "rounds.jsonl"))[^1].Adapter);
        Assert.Equal(Names, hosts.Asked.Select(a => a.Host).Distinct().Order());
        RunVerification verified = RunVerification.Of(folder["run"]);
        Assert.Empty(verified.Damage);
        Assert.Empty(verified.Notes);

        string registered = Path.Combine(folder["run"], "pinned.json");
        byte[] whole = File.ReadAllBytes(registered);
        File.WriteAllBytes(registered, whole[..^9]);
        Assert.Equal($"{registered}: is damaged; the next run writes it anew.", Assert.Single(RunVerification.Of(folder["run"]).Damage));
        File.WriteAllBytes(registered, whole);

        // Asked of the host that does not have it.
        (RoundInstruction instruction, int client, string host) = hosts.Asked[0];
        TrainingAnswer answer = await hosts.AskAsync(host == "a" ? "b" : "a", instruction, client);
        Assert.Equal($"its shard is pinned to silo {host}, and another one was asked", Assert.IsType<TrainingRefused>(answer).Reason);

        // And of the host that has it no longer.
        File.Delete(Path.Combine(shards.DataOf(host), $"client_{client:00}.jsonl"));
        await using var later = new Hosts(folder.Root, shards);
        Assert.Contains("the shard is gone since the run registered it", Assert.IsType<TrainingRefused>(await later.AskAsync(host, instruction, client)).Reason, StringComparison.Ordinal);
    }

    private sealed class Hosts : IShardSilos, IAsyncDisposable
    {
        private readonly Dictionary<string, (PreparedRuns Prepared, DeviceQueue Device, HostedRuns Runs)> _hosts = [];

        public Hosts(string root, PinnedDemo shards)
        {
            foreach (string name in Names)
            {
                var prepared = new PreparedRuns(threads: 1, shards: new ShardFolder(name, shards.FolderOf(name)));
                var device = new DeviceQueue(TimeSpan.Zero, TimeProvider.System);
                _hosts[name] = (prepared, device, new HostedRuns(root, prepared, device, TimeProvider.System));
            }
        }

        public List<(RoundInstruction Instruction, int Client, string Host)> Asked { get; } = [];

        public IClientLine LineTo(PinnedClients? pinned) => new Line(this, pinned!);

        public Task<IReadOnlyList<PinnedShard>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<PinnedShard>>(
            [.. _hosts.Values.SelectMany(h => h.Prepared.CountShards(DemoAssets.Experiment([.. Short, .. PinnedDemo.Overrides])))]);

        public async Task<TrainingAnswer> AskAsync(string host, RoundInstruction instruction, int client)
        {
            using var session = new ClientSession(client, _hosts[host].Runs.For("run"), TimeSpan.FromMinutes(1), TimeProvider.System);
            return await session.AskAsync(instruction, default);
        }

        public async ValueTask DisposeAsync()
        {
            foreach ((_, DeviceQueue device, HostedRuns runs) in _hosts.Values)
            {
                await device.DisposeAsync();
                runs.Dispose();
            }
        }

        private sealed class Line(Hosts hosts, PinnedClients pinned) : IClientLine
        {
            public Task<TrainingAnswer> AskAsync(RoundInstruction instruction, int client, CancellationToken cancellationToken)
            {
                string host = pinned.Shards[client].Silo;
                lock (hosts.Asked)
                {
                    hosts.Asked.Add((instruction, client, host));
                }

                return hosts.AskAsync(host, instruction, client);
            }
        }
    }
}
