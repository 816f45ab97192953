using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.Silo.Tests;

/// <summary>Silos that die, hang or are replaced during a run. Nobody but the cluster itself sets the run going again. bench/ClusterBench does the same for longer.</summary>
public sealed class KillTests
{
    private static readonly string[] Rounds = ["federation.rounds=8", "evaluation.every=4"];

    [SkippableFact]
    public async Task Run_TrainersThenCoordinatorsThenAllSilosKilled_EndsWithTheEmbeddedHashEachTime()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGKILL.");
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(Rounds);
        await cluster.StartAsync(3);
        foreach (string victims in (string[])["trainer", "coordinator", "all"])
        {
            await cluster.RunAsync(victims, Rounds);
            RunInfo running = await cluster.WaitAsync(victims, r => r.Committed >= 2 && r.Answered > 0);
            SiloProcess coordinator = cluster.HostOf(running);
            SiloProcess[] killed = [.. cluster.Silos.Where(s => victims == "all" || s == coordinator == (victims == "coordinator")).Take(victims == "all" ? 3 : 1)];
            await Task.WhenAll(killed.Select(s => s.KillAsync()));
            if (victims == "all")
            {
                await Task.WhenAll(killed.Select(cluster.RestartAsync));
            }

            Assert.Equal(expected, await cluster.FinishAsync(victims));
            Assert.All(RunJournals.Trainings(Path.Combine(cluster.Folder, victims)), t => Assert.Equal(1, t.Times));
            if (victims != "all")
            {
                await cluster.RestartAsync(killed[0]);
            }
        }
    }

    [SkippableFact]
    public async Task Run_OnlySiloWithTheDeviceKilled_WaitsForItOnAnotherAndEndsWithTheEmbeddedHash()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGKILL.");
        string[] rounds = ["federation.rounds=4", "evaluation.every=2"];
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(rounds);
        SiloProcess[] silos = await cluster.StartAsync([["--devices", "none"], ["--devices", "cpu"]]);
        await cluster.RunAsync("demo", rounds);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1);
        Assert.Same(silos[1], cluster.HostOf(running));
        await silos[1].KillAsync();
        RunInfo waiting = await cluster.WaitAsync("demo", r => r.Reason == "waiting for a silo with a training device of kind cpu");
        Assert.Same(silos[0], cluster.HostOf(waiting));
        SiloProcess back = await cluster.RestartAsync(silos[1]);
        Assert.Equal(expected, await cluster.FinishAsync("demo"));
        Assert.Same(back, cluster.HostOf(await cluster.WaitAsync("demo", _ => true)));
    }

    [SkippableFact]
    public async Task Run_EverySiloReplacedInTurn_EndsWithTheEmbeddedHash()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGTERM.");
        string[] rounds = ["federation.rounds=12", "evaluation.every=4"];
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(rounds);
        SiloProcess[] first = await cluster.StartAsync(3);
        await cluster.RunAsync("demo", rounds);
        await cluster.WaitAsync("demo", r => r.Committed >= 1);
        foreach (SiloProcess silo in first)
        {
            Assert.Equal(0, await silo.StopAsync());
            await cluster.RestartAsync(silo);
        }

        Assert.Equal(expected, await cluster.FinishAsync("demo"));
    }

    [SkippableFact]
    public async Task Run_CoordinatorHangs_NamesTheProcessAndGoesOnWhenThatIsKilled()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGSTOP.");
        string[] rounds = ["federation.rounds=6", "evaluation.every=6"];
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync(rounds);
        await cluster.StartAsync(2);
        await cluster.RunAsync("demo", rounds);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1 && r.Answered > 0);
        SiloProcess hanging = cluster.HostOf(running);
        await hanging.HangAsync();
        string process = FormattableString.Invariant($"process {hanging.Id} on {Environment.MachineName}");
        await cluster.WaitAsync("demo", r => r.Silo != running.Silo && r.Reason?.Contains(process, StringComparison.Ordinal) == true);
        await hanging.KillAsync();
        Assert.Equal(expected, await cluster.FinishAsync("demo"));
        Assert.All(RunJournals.Trainings(Path.Combine(cluster.Folder, "demo")), t => Assert.Equal(1, t.Times));
    }

    [SkippableFact]
    public async Task Run_SiloHangsPastTheDeadline_ClosesWithoutItsClientsAndReplaysFromTheJournal()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGSTOP.");
        string[] experiment =
            ["federation.rounds=8", "federation.clients_per_round=8", "federation.wall_deadline=4", "federation.quorum=0.2", "federation.max_abandoned=8", "checkpoint.keep=100", "checkpoint.keep_updates=true"];
        await using var cluster = new Cluster();
        await cluster.StartAsync(3);
        await cluster.RunAsync("demo", experiment);
        RunInfo running = await cluster.WaitAsync("demo", r => r.Committed >= 1 && r.Cohort.Length > 0);
        SiloProcess coordinator = cluster.HostOf(running);
        SiloProcess hanging = cluster.Silos.First(s => s != coordinator);
        await hanging.HangAsync();
        string directory = Path.Combine(cluster.Folder, "demo");
        await cluster.WaitAsync("demo", _ => RunJournals.Exclusions(directory).Count > 0);
        await hanging.GoOnAsync();
        string hash = await cluster.FinishAsync("demo");
        Assert.All(RunJournals.Exclusions(directory), e => Assert.Equal("it gave no update within the deadline of 4 seconds", e));

        // What it stored too late is gone with its receipt, or about to go when the run is opened the next time; it is in no round.
        await coordinator.StopAsync();
        Assert.Equal(hash, await Embedded.RunAsync(directory, experiment));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(directory, "receipts")));

        // From the initial adapter and the journalled members alone, the same again.
        foreach (string checkpoint in Directory.EnumerateFiles(Path.Combine(directory, "checkpoints")).Order(StringComparer.Ordinal).Skip(1))
        {
            File.Delete(checkpoint);
        }

        Assert.Equal(hash, await Embedded.RunAsync(directory, experiment));
    }
}
