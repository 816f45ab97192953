using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>One experiment file gives one final adapter: on however many silos, and where a run changes its host.</summary>
public sealed class SameHashTests
{
    private static readonly string[] Short = ["federation.rounds=4", "evaluation.every=2"];

    [Fact]
    public async Task Run_OnOneTwoAndThreeSilos_EndsWithTheEmbeddedHash()
    {
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(Short);
        for (int silos = 1; silos <= 3; silos++)
        {
            await cluster.StartAsync(1);
            string name = $"on-{silos}";
            RunInfo begun = await cluster.RunAsync(name, Short);
            Assert.Equal((name, "running", 4), (begun.Name, begun.Phase, begun.Rounds));
            Assert.Equal(expected, await cluster.FinishAsync(name));
        }
    }

    [Fact]
    public async Task Run_BegunEmbeddedGoneOnWithOnSilosAndEndedEmbedded_EndsWithTheEmbeddedHash()
    {
        string[] experiment = ["federation.rounds=6", "federation.algorithm=scaffold"];
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(experiment);
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
