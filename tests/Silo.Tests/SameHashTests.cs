using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>One experiment file gives one final adapter, on however many silos.</summary>
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
        string expected = await Demo.RunEmbeddedAsync(Path.Combine(cluster.Folder, "embedded"), Short);
        await cluster.StartAsync(silos);
        RunInfo begun = await cluster.RunAsync("demo", Short);
        Assert.Equal(("demo", "running", 4), (begun.Name, begun.Phase, begun.Rounds));
        Assert.Equal(expected, await cluster.FinishAsync("demo"));
    }
}
