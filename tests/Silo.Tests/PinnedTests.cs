using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;
using FedLLM.TestSupport;

namespace FedLLM.Silo.Tests;

/// <summary>Shards that lie on one silo each. No folder that two silos read holds one, so a run that ends has trained each client where its shard is.</summary>
public sealed class PinnedTests
{
    private static readonly string[] Names = ["a", "b", "c"];

    [SkippableFact]
    public async Task Run_SiloKilled_WaitsForItAndEndsWithTheEmbeddedHash()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGKILL.");
        string[] rounds = ["federation.rounds=6", "evaluation.every=6"];
        using var shards = new PinnedDemo(Names);
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(rounds);
        SiloProcess[] silos = await cluster.StartAsync(Names.Select(shards.Settings));

        await cluster.RunAsync("demo", [.. rounds, .. PinnedDemo.Overrides]);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1);
        (string killed, SiloProcess victim) = Names.Zip(silos).First(s => s.Second != cluster.HostOf(running));
        await victim.KillAsync();
        RunInfo waiting = await cluster.WaitAsync("demo", r => r.Reason?.StartsWith($"waiting for silo {killed}: client", StringComparison.Ordinal) == true);
        Assert.Equal("running", waiting.Phase);
        await cluster.RestartAsync(victim);

        Assert.Equal(expected, await cluster.FinishAsync("demo"));
        string directory = Path.Combine(cluster.Folder, "demo");
        Assert.All(RunJournals.Trainings(directory), t => Assert.Equal(1, t.Times));

        // The same directory, continued in one process that has all shards, is the same run.
        foreach (SiloProcess silo in cluster.Silos)
        {
            await silo.KillAsync();
        }

        Assert.Equal(expected, await Embedded.RunAsync(directory, [.. rounds, .. PinnedDemo.Overrides]));
    }

    [SkippableFact]
    public async Task Run_InBlobs_EndsWithTheEmbeddedHashAndNoShardIsInTheStore()
    {
        string[] rounds = ["federation.rounds=2", "evaluation.every=2"];
        await using AzuriteServer azurite = await AzuriteServer.StartNewAsync();
        using var shards = new PinnedDemo("a", "b");
        await using var cluster = new Cluster("--store", "blobs", $"--Silo:StoreConnectionString={azurite.ConnectionString}");
        string expected = await Embedded.HashAsync(rounds);
        string[] state = ["--state", Path.Combine(cluster.Folder, "state")];
        await cluster.StartAsync([[.. shards.Settings("a"), .. state], [.. shards.Settings("b"), .. state]]);
        await cluster.RunAsync("demo", [.. rounds, .. PinnedDemo.Overrides]);
        Assert.Equal(expected, await cluster.FinishAsync("demo"));

        string copy = Path.Combine(cluster.Folder, "copy");
        new RunContainer(azurite).Download("demo", copy);
        Assert.Contains("client_19.jsonl", await File.ReadAllTextAsync(Path.Combine(copy, "pinned.json")), StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(copy, "*", SearchOption.AllDirectories), f => Path.GetFileName(f).StartsWith("client_", StringComparison.Ordinal));
        Assert.Equal(expected, await Embedded.RunAsync(copy, [.. rounds, .. PinnedDemo.Overrides]));
    }

    [SkippableFact]
    public async Task Run_SiloGoneAndADeadline_ClosesWithoutItsClientsAndReplaysFromTheJournal()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGKILL.");
        string[] experiment =
        [
            "federation.rounds=3", "federation.clients_per_round=8", "federation.wall_deadline=3", "federation.quorum=0.1", "federation.max_abandoned=8",
            "evaluation.every=3", "checkpoint.keep=100", "checkpoint.keep_updates=true",
        ];
        using var shards = new PinnedDemo(Names);
        await using var cluster = new Cluster();
        await cluster.StartAsync(Names.Select(shards.Settings));

        await cluster.RunAsync("demo", [.. experiment, .. PinnedDemo.Overrides]);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1);
        SiloProcess gone = cluster.Silos.First(s => s != cluster.HostOf(running));
        await gone.KillAsync();
        string hash = await cluster.FinishAsync("demo");
        string directory = Path.Combine(cluster.Folder, "demo");
        Assert.NotEmpty(RunJournals.Exclusions(directory));
        Assert.All(RunJournals.Exclusions(directory), e => Assert.Equal("it gave no update within the deadline of 3 seconds", e));

        foreach (SiloProcess silo in cluster.Silos)
        {
            await silo.KillAsync();
        }

        foreach (string checkpoint in Directory.EnumerateFiles(Path.Combine(directory, "checkpoints")).Order(StringComparer.Ordinal).Skip(1))
        {
            File.Delete(checkpoint);
        }

        Assert.Equal(hash, await Embedded.RunAsync(directory, [.. experiment, .. PinnedDemo.Overrides]));
    }
}
