using FedLLM.Cli.Tests.Support;
using FedLLM.TestSupport;
using Xunit.Abstractions;

namespace FedLLM.Cli.Tests.EndToEnd;

/// <summary>Processes killed at random instants of their lives; <c>bench/Benchmarks -- kills</c> does the same for longer.</summary>
[Collection(SmallWorldTests.Name)]
public sealed class KillTests(SmallWorld world, ITestOutputHelper output) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableTheory]
    [InlineData(1, 6, "federation.algorithm=scaffold", "simulation.drop_out=0.3", "federation.quorum=0.5")]
    [InlineData(2, 6, "federation.algorithm=fedadam")]
    [InlineData(3, 7, "federation.algorithm=scaffold", "simulation.drop_out=0.3", "federation.quorum=0.5", "training.lanes=1", "checkpoint.every=3")]
    [InlineData(4, 6, "federation.algorithm=fedadam", "training.lanes=1", "checkpoint.every=3")]
    public async Task Run_KilledAtRandomInstants_EndsWithTheUndisturbedAdapter(int seed, int kills, params string[] settings)
    {
        Skip.If(OperatingSystem.IsWindows(), "A killed process cannot be told from one that failed.");
        string[] arguments = [world.Experiment, "--set", "federation.rounds=24", .. settings.SelectMany(s => (string[])["--set", s])];
        var program = new KillProgram(Path.Combine(AppContext.BaseDirectory, "fedllm.dll"), arguments, _folder.Root, seed);

        KillTally tally = await program.RunAsync(kills);

        output.WriteLine($"seed {seed}: {tally}");
        Assert.Equal(kills, tally.Kills);
        Assert.Equal(tally.Runs, tally.Equal);
        Assert.Equal(0, tally.Redone);
        Assert.InRange(tally.Finished, tally.Runs, int.MaxValue);
    }
}
