using FedLLM.Data.Files;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Pinning;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.RunDirectories;
using FedLLM.Experiments.Tests.Running;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Pinning;

/// <summary>The clients of a run whose shards lie on silos.</summary>
public sealed class PinnedClientsTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];

    private readonly TemporaryFolder _folder = new();
    private readonly PinnedDemo _shards = new(Names);
    private readonly Experiment _experiment = DemoAssets.Experiment([.. PinnedDemo.Overrides]);

    [Fact]
    public void Of_ShardsOfTwoSilos_AreTheClientsOfOneFolder()
    {
        PinnedClients pinned = PinnedClients.Of(Count("b").Concat(Count("a")));
        PreparedExperiment whole = PreparedExperiment.Prepare(_experiment);
        PreparedExperiment there = PreparedExperiment.Prepare(_experiment, pinned: new PinnedPlace(pinned, OfSilo("a")));

        Assert.Equal(whole.Inputs, there.Inputs);
        Assert.Equal(20, there.Shards.Clients);
        Assert.All(Enumerable.Range(0, 20), client =>
        {
            // Nothing is counted differently, and a label is known of neither.
            Assert.Equivalent(whole.Reports[client], there.Reports[client], strict: true);
            Assert.Empty(there.Reports[client].Tally.Labels);
        });
        string file = Path.Combine(_shards.DataOf("a"), "client_00.jsonl");
        Assert.Equivalent(new PinnedShard("client_00.jsonl", "a", DataFingerprint.Digest(file), there.Reports[0].Tally), pinned.Shards[0], strict: true);
        Assert.Equal(whole.Shards.Size(0), there.Shards.Size(0));
    }

    [Fact]
    public void Read_Written_IsTheSameAndADamagedOneIsNone()
    {
        PinnedClients pinned = PinnedClients.Of(Names.SelectMany(Count));
        Assert.Null(PinnedClients.Read(_folder["run"], DiskFiles.Instance));
        pinned.Write(_folder["run"], DiskFiles.Instance);
        PinnedClients read = PinnedClients.Read(_folder["run"], DiskFiles.Instance)!;
        Assert.Equal(pinned.Version, read.Version);
        Assert.Equal(pinned.Fingerprint, read.Fingerprint);
        Assert.Equivalent(pinned.Shards, read.Shards, strict: true);

        string path = Path.Combine(_folder["run"], "pinned.json");
        byte[] bytes = File.ReadAllBytes(path);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(path, bytes);
        Assert.Null(PinnedClients.Read(_folder["run"], DiskFiles.Instance));
    }

    [Fact]
    public void Of_OneNameOnTwoSilos_NamesBoth()
    {
        IReadOnlyList<PinnedShard> own = Count("a");
        InputFileException wrong = Assert.Throws<InputFileException>(() => PinnedClients.Of([.. own, own[0] with { Silo = "b" }]));
        Assert.Contains("silos a and b both register a shard client_00", wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireUnchanged_ShardGoneOrChanged_NamesIt()
    {
        PinnedClients pinned = PinnedClients.Of(Names.SelectMany(Count));
        ShardFolder own = OfSilo("a");
        own.RequireUnchanged(_experiment.Data, pinned);

        // What happens to another silo's shards is no business of this one.
        File.Delete(Path.Combine(_shards.DataOf("b"), "client_01.jsonl"));
        own.RequireUnchanged(_experiment.Data, pinned);

        string file = Path.Combine(_shards.DataOf("a"), "client_02.jsonl");
        File.AppendAllText(file, "\n");
        Assert.Contains("client_02.jsonl: the shard has changed", Assert.Throws<InputFileException>(() => own.RequireUnchanged(_experiment.Data, pinned)).Message, StringComparison.Ordinal);
        File.Delete(file);
        Assert.Contains("client_02.jsonl: the shard is gone", Assert.Throws<InputFileException>(() => own.RequireUnchanged(_experiment.Data, pinned)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CountShards_LabelsShown_AreCountedWhereTheirOwnerAllowsIt()
    {
        Experiment open = _experiment with { Data = _experiment.Data with { ShowLabels = true } };
        InputFileException refused = Assert.Throws<InputFileException>(() => Count("a", open));
        Assert.Contains("sets data.show_labels, and silo a does not allow it", refused.Message, StringComparison.Ordinal);
        Experiment sampled = _experiment with { Data = _experiment.Data with { ShowSamples = true } };
        Assert.Contains("data.show_samples", Assert.Throws<InputFileException>(() => Count("a", sampled, labels: true)).Message, StringComparison.Ordinal);

        PinnedClients pinned = PinnedClients.Of(Names.SelectMany(n => Count(n, open, labels: true)));
        pinned.Write(_folder["run"], DiskFiles.Instance);
        PinnedClients read = PinnedClients.Read(_folder["run"], DiskFiles.Instance)!;
        PreparedExperiment whole = PreparedExperiment.Prepare(open);
        PreparedExperiment there = PreparedExperiment.Prepare(open, pinned: new PinnedPlace(read, ShardFolder.None));
        Assert.All(Enumerable.Range(0, 20), client =>
        {
            Assert.NotEmpty(there.Reports[client].Tally.Labels);
            Assert.Equal(whole.Reports[client].Tally.Labels, there.Reports[client].Tally.Labels);
        });

        // A silo that allows it tells none that the experiment does not ask for.
        Assert.All(Count("a", _experiment, labels: true), s => Assert.Empty(s.Tally.Labels));
    }

    [Fact]
    public async Task FindAsync_FewerThanTheExperimentSays_MayPassAndMoreDoNot()
    {
        InputFileException fewer = await Assert.ThrowsAsync<InputFileException>(() => FindAsync("a"));
        Assert.True(fewer.MayPass);
        Assert.Contains("the silos that are there register 10 of 20 clients (10 on a)", fewer.Message, StringComparison.Ordinal);

        File.Copy(Path.Combine(_shards.DataOf("a"), "client_00.jsonl"), Path.Combine(_shards.DataOf("b"), "client_99.jsonl"));
        InputFileException more = await Assert.ThrowsAsync<InputFileException>(() => FindAsync(Names));
        Assert.False(more.MayPass);
        Assert.Contains("register 21 of 20 clients (10 on a, 11 on b)", more.Message, StringComparison.Ordinal);
        Assert.Null(PinnedClients.Read(_folder["run"], DiskFiles.Instance));
    }

    [Fact]
    public async Task FindAsync_RegisteredOnce_StaysWhoeverIsThere()
    {
        PinnedClients first = await FindAsync(Names);
        Assert.Equal(first.Version, (await FindAsync()).Version);
    }

    public void Dispose()
    {
        _folder.Dispose();
        _shards.Dispose();
    }

    private Task<PinnedClients> FindAsync(params string[] names) =>
        PinnedRegistration.FindAsync(_experiment, _folder["run"], DiskFiles.Instance, new SilosThatAreThere([.. names.SelectMany(Count)]), default);

    private ShardFolder OfSilo(string name) => new(name, _shards.FolderOf(name));

    private IReadOnlyList<PinnedShard> Count(string silo) => Count(silo, _experiment);

    private IReadOnlyList<PinnedShard> Count(string silo, Experiment experiment, bool labels = false) =>
        new PreparedRuns(threads: 1, shards: OfSilo(silo) with { ShowsLabels = labels }).CountShards(experiment);

    private sealed class SilosThatAreThere(IReadOnlyList<PinnedShard> shards) : IShardSilos
    {
        public Task<IReadOnlyList<PinnedShard>> ListAsync(CancellationToken cancellationToken) => Task.FromResult(shards);
    }
}
