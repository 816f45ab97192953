using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>One experiment file gives one final adapter: on however many silos, and where a run changes its host.</summary>
public sealed class SameHashTests
{
    private static readonly string[] Short = ["federation.rounds=4", "evaluation.every=2"];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Run_OnSomeSilos_EndsWithTheEmbeddedHash(int silos)
    {
        await using var cluster = new Cluster();
        string expected = await Embedded.RunAsync(Path.Combine(cluster.Folder, "embedded"), Short);
        await cluster.StartAsync(silos);
        RunInfo begun = await cluster.RunAsync("demo", Short);
        Assert.Equal(("demo", "running", 4), (begun.Name, begun.Phase, begun.Rounds));
        Assert.Equal(expected, await cluster.FinishAsync("demo"));
    }

    [Fact]
    public async Task Run_BegunEmbeddedGoneOnWithOnSilosAndEndedEmbedded_EndsWithTheEmbeddedHash()
    {
        string[] experiment = ["federation.rounds=6", "federation.algorithm=scaffold"];
        await using var cluster = new Cluster();
        string expected = await Embedded.RunAsync(Path.Combine(cluster.Folder, "embedded"), experiment);
        string directory = Path.Combine(cluster.Folder, "moved");
        await Embedded.RunUntilAsync(directory, 1, experiment);

        SiloProcess[] silos = await cluster.StartAsync(1);
        await cluster.RunAsync("moved", experiment);
        await cluster.WaitAsync("moved", r => r.Committed >= 3);
        RunInfo paused = await cluster.CallAsync(grains => grains.GetGrain<IRunGrain>("moved").PauseAsync());
        Assert.Equal("paused", paused.Phase);
        Assert.InRange(paused.Committed, 3, 5);
        Assert.Equal(0, await silos[0].StopAsync());

        Assert.Equal(expected, await Embedded.RunAsync(directory, experiment));
    }
}
