using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;
using FedLLM.TestSupport;

namespace FedLLM.Grains.Tests;

/// <summary>Clients whose shards lie on one silo each, and what silos say to each other of them.</summary>
public sealed class PinnedGrainTests : IDisposable
{
    private const string Canary = "CanaryQ7Z1X";

    private static readonly string[] Names = ["a", "b"];

    private readonly PinnedDemo _shards = new(Names);
    private readonly MessageTap _tap = new();

    [Fact]
    public async Task StartAsync_ShardsOnTwoSilos_EndsAsTheEmbeddedRunAndSaysNothingOfTheirContent()
    {
        string[] overrides = [.. PinnedDemo.Overrides, "federation.clients_per_round=20", "training.max_steps=1"];
        foreach (string name in Names)
        {
            _shards.Plant(name, Canary);
        }

        await using GrainCluster cluster = await StartAsync();
        await cluster.Run("demo").StartAsync(GrainCluster.Spec(overrides));
        RunInfo ended = await cluster.EndAsync("demo");
        Assert.Equal(("finished", 2, null), (ended.Phase, ended.Committed, ended.Reason));

        RequireSilence();
        Assert.Contains(_tap.Heard, m => m.Bytes.Contains("client_19.jsonl", StringComparison.Ordinal));
        Assert.Equal(20, _tap.Heard.Where(m => m.Call.Contains("IClientGrain", StringComparison.Ordinal)).Select(m => m.Call).Distinct().Count());

        // The same files in one folder.
        string all = Directory.CreateDirectory(Path.Combine(cluster.Store, "all", "data")).FullName;
        foreach (string file in Names.Select(_shards.DataOf).SelectMany(Directory.EnumerateFiles))
        {
            File.Copy(file, Path.Combine(all, Path.GetFileName(file)));
        }

        RunSpec whole = GrainCluster.Spec([.. overrides, "data.path=" + all]);
        var prepared = PreparedExperiment.Prepare(ExperimentFile.Read(DemoExperiment.File, whole.Overrides));
        RunResult embedded = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(cluster.Store, "embedded"), [], CancellationToken.None);
        Assert.Equal(embedded.AdapterHash, ended.Adapter);
    }

    [Fact]
    public async Task StartAsync_ShardThatIsNoJson_FailsWithFileAndLineAndNoContent()
    {
        string file = Path.Combine(_shards.DataOf("b"), "client_01.jsonl");
        File.AppendAllText(file, $"{{\"instruction\": \"{Canary}\", {Canary}\n");
        int line = File.ReadLines(file).Count();
        await using GrainCluster cluster = await StartAsync();
        await cluster.Run("demo").StartAsync(GrainCluster.Spec([.. PinnedDemo.Overrides]));
        RunInfo ended = await cluster.EndAsync("demo");
        Assert.Equal("failed", ended.Phase);
        Assert.StartsWith($"Silo b cannot use its shards: {file}, line {line}", ended.Reason, StringComparison.Ordinal);
        Assert.Contains(_tap.Heard, m => m.Bytes.Contains($"line {line}", StringComparison.Ordinal));
        RequireSilence();
    }

    public void Dispose() => _shards.Dispose();

    private Task<GrainCluster> StartAsync() => GrainCluster.StartAsync([.. Names.Select(name => new ShardFolder(name, _shards.FolderOf(name)))], _tap);

    private void RequireSilence() => Assert.DoesNotContain(_tap.Heard, m => m.Bytes.Contains(Canary, StringComparison.Ordinal));
}
