using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;
using FedLLM.TestSupport;
using Orleans.Runtime.Placement;

namespace FedLLM.Grains.Tests;

/// <summary>A run's coordinator, on silos of which one alone has the device that the run computes on. The device is the CPU under another name, so that bits can be compared.</summary>
public sealed class CoordinatorPlacementTests
{
    private const string Device = "model.device=cuda";

    [Fact]
    public async Task StartAsync_OnASiloWithoutTheDevice_MovesToTheOneThatHasItAndEndsAsTheEmbeddedRun()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu", "none", "cpu,cuda");
        string expected = await EmbeddedAsync(cluster);
        for (int start = 0; start < 2; start++)
        {
            string name = $"from-{start}";
            RequestContext.Set(IPlacementDirector.PlacementHintKey, cluster.Silo(start).SiloAddress);
            RunInfo started = await cluster.Run(name).StartAsync(GrainCluster.Spec(Device));
            Assert.Equal(("running", Address(cluster, start)), (started.Phase, started.Silo));
            RunInfo ended = await cluster.EndAsync(name);
            Assert.Equal(("finished", expected, Address(cluster, 2)), (ended.Phase, ended.Adapter, ended.Silo));
        }
    }

    [Fact]
    public async Task ReceiveReminder_NoSiloWithTheDevice_WaitsUntilOneJoinsAndEndsAsTheEmbeddedRun()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cuda", "cpu");
        string expected = await EmbeddedAsync(cluster);
        await cluster.Silos.StopSiloAsync(cluster.Silo(0));
        await cluster.Run("demo").StartAsync(GrainCluster.Spec(Device));
        Assert.Equal("running", (await WaitingAsync(cluster)).Phase);

        // Nowhere to go, it can still be asked, paused and woken.
        Assert.Equal("paused", (await cluster.Run("demo").PauseAsync()).Phase);
        await cluster.Run("demo").ResumeAsync();
        await WaitingAsync(cluster);
        await cluster.Silos.DeactivateAsync(cluster.Run("demo"));
        await cluster.TickAsync("demo");
        await WaitingAsync(cluster);
        Assert.False(File.Exists(Path.Combine(cluster.Store, "demo", "journal.jsonl")));

        SiloAddress joined = (await cluster.AddSiloAsync()).SiloAddress;
        RunInfo ended = await cluster.EndAsync("demo");
        Assert.Equal(("finished", expected, joined.ToParsableString()), (ended.Phase, ended.Adapter, ended.Silo));
    }

    private static Task<RunInfo> WaitingAsync(GrainCluster cluster) =>
        cluster.WaitAsync("demo", r => r.Reason == "waiting for a silo with a training device of kind cuda");

    private static string Address(GrainCluster cluster, int silo) => cluster.Silo(silo).SiloAddress.ToParsableString();

    private static async Task<string> EmbeddedAsync(GrainCluster cluster)
    {
        var prepared = PreparedExperiment.Prepare(ExperimentFile.Read(DemoExperiment.File, GrainCluster.Spec().Overrides));
        return (await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(cluster.Store, "embedded"), [], CancellationToken.None)).AdapterHash;
    }
}
