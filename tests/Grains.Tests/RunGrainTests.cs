using System.Collections.Concurrent;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;
using FedLLM.TestSupport;

namespace FedLLM.Grains.Tests;

/// <summary>The coordinator's grain, on silos in this process.</summary>
public sealed class RunGrainTests
{
    [Fact]
    public async Task StartAsync_Demo_EndsAsTheEmbeddedRunAndNeedsNoReminderAnyMore()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        RunSpec spec = GrainCluster.Spec();
        var prepared = PreparedExperiment.Prepare(ExperimentFile.Read(DemoExperiment.File, spec.Overrides));
        RunResult embedded = await new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(cluster.Store, "embedded"), [], CancellationToken.None);

        await cluster.Run("demo").StartAsync(spec);
        Assert.Equal(["wake"], await cluster.RemindersAsync("demo"));
        var heard = new List<string>();
        await foreach (RunEventMessage happened in cluster.Run("demo").EventsAsync(0))
        {
            heard.Add(happened.Kind);
            if (happened.Json.Contains("finished", StringComparison.Ordinal))
            {
                break;
            }
        }

        RunInfo ended = await cluster.EndAsync("demo");
        Assert.Equal(["phase", "round-committed", "round-started"], heard.Where(kind => kind != "client-finished").Take(3));
        Assert.Equal(3, heard.Count(kind => kind == "round-committed"));
        Assert.Equal(("finished", 2, 2, embedded.AdapterHash), (ended.Phase, ended.Round, ended.Committed, ended.Adapter));
        Assert.Equal(embedded.Rounds[^1].Evaluation!["loss"], ended.Evaluation["loss"]);
        List<string> rounds = await cluster.Run("demo").RoundsAsync(1).ToListAsync();
        Assert.Equal(2, rounds.Count);
        Assert.Contains(embedded.AdapterHash, rounds[^1], StringComparison.Ordinal);
        byte[] adapter = [.. await cluster.Run("demo").AdapterAsync("adapter_model.safetensors").SelectMany(piece => piece.ToAsyncEnumerable()).ToListAsync()];
        Assert.Equal(embedded.AdapterHash, Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(adapter)));
        Assert.Equal(["demo"], await cluster.Grains.GetGrain<IRunIndexGrain>(0).ListAsync());
        await cluster.TickAsync("demo");
        Assert.Empty(await cluster.RemindersAsync("demo"));
    }

    [Fact]
    public async Task GetState_UnknownRun_IsNullAndWritesNothing()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        Assert.Null(await cluster.Run("nobody").GetState());
        Assert.Equal(0, cluster.States.Writes);
        Assert.Empty(await cluster.RemindersAsync("nobody"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(cluster.Store));
        RunRefusedException refused = await Assert.ThrowsAsync<RunRefusedException>(() => cluster.Run("nobody").PauseAsync());
        Assert.Equal("There is no run nobody.", refused.Message);
    }

    [Fact]
    public async Task ReceiveReminder_CoordinatorGone_GoesOnToTheSameHash()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        await cluster.Run("first").StartAsync(GrainCluster.Spec());
        string expected = (await cluster.EndAsync("first")).Adapter;

        // The state a coordinator leaves that dies right after it was told to start.
        await cluster.Run("second").StartAsync(GrainCluster.Spec());
        await cluster.Run("second").PauseAsync();
        await cluster.Silos.DeactivateAsync(cluster.Run("second"));
        cluster.States.Change("second", s => s with { Phase = "Running", Driver = "a silo that died" });
        Assert.Equal("running", (await cluster.Run("second").GetState())!.Phase);
        await cluster.TickAsync("second");
        Assert.Equal(("finished", expected), await PhaseAndAdapterAsync(cluster, "second"));
    }

    [Fact]
    public async Task Commit_AnotherDriverInTheStorage_IsFencedOffAndTheNextTickTakesOver()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        await cluster.Run("first").StartAsync(GrainCluster.Spec());
        string expected = (await cluster.EndAsync("first")).Adapter;
        var fenced = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        cluster.States.BeforeWrite = key =>
        {
            // The first commit, of round 0: another coordinator took the run over a moment before.
            if (key.EndsWith("/fenced", StringComparison.Ordinal) && cluster.States.Of("fenced") is { Phase: "Running", Driver: not "another" } && fenced.TrySetResult())
            {
                cluster.States.Change("fenced", s => s with { Driver = "another" });
            }
        };
        await cluster.Run("fenced").StartAsync(GrainCluster.Spec());
        await fenced.Task;
        cluster.States.BeforeWrite = _ => { };
        await SettledAsync(cluster, "fenced");
        Assert.False(File.Exists(Path.Combine(cluster.Store, "fenced", "checkpoints", "round-000000.json")));
        Assert.Equal("another", cluster.States.Of("fenced").Driver);

        // A tick that finds it still on its way out leaves the run to the next one.
        await GrainCluster.UntilAsync(async () =>
        {
            await cluster.TickAsync("fenced");
            return cluster.States.Of("fenced").Driver != "another";
        });
        Assert.Equal(("finished", expected), await PhaseAndAdapterAsync(cluster, "fenced"));
    }

    [Fact]
    public async Task Commit_AnswerOfTheStorageLost_IsTheCoordinatorsOwnWriteAndGoesOn()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        int lost = 0;
        cluster.States.AfterWrite = key =>
        {
            if (key.EndsWith("/demo", StringComparison.Ordinal) && cluster.States.Of("demo").Round == 1 && Interlocked.Increment(ref lost) == 1)
            {
                throw new TimeoutException("The answer got lost.");
            }
        };
        await cluster.Run("demo").StartAsync(GrainCluster.Spec());
        RunInfo ended = await cluster.EndAsync("demo");
        Assert.Equal(("finished", 2), (ended.Phase, ended.Committed));
        Assert.True(lost > 0);
        Assert.Empty(RunVerification.Of(Path.Combine(cluster.Store, "demo")).Damage);
    }

    [Fact]
    public async Task ResumeAsync_DirectoryGone_IsSaidAndBeginsAgainToTheSameHash()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        await cluster.Run("demo").StartAsync(GrainCluster.Spec());
        string expected = (await cluster.EndAsync("demo")).Adapter;
        string directory = Path.Combine(cluster.Store, "demo");

        // Finished: whoever starts it again hears of it, and nothing is made anew without being asked for.
        Directory.Delete(directory, recursive: true);
        string refusal = await RefusalAsync(() => cluster.Run("demo").StartAsync(GrainCluster.Spec()));
        Assert.Contains(expected, refusal, StringComparison.Ordinal);
        Assert.Contains(directory, refusal, StringComparison.Ordinal);
        Assert.Equal([Path.Combine(directory, "experiment.yaml")], Directory.EnumerateFileSystemEntries(directory));
        var written = new ConcurrentQueue<RunState>();
        cluster.States.AfterWrite = _ => written.Enqueue(cluster.States.Of("demo"));
        Assert.Equal("running", (await cluster.Run("demo").ResumeAsync()).Phase);
        Assert.True(written.TryPeek(out RunState? first));
        Assert.Equal(("", -1, ""), (first.Phase, first.Round, first.Adapter));
        Assert.Equal(("finished", expected), await PhaseAndAdapterAsync(cluster, "demo"));
        Assert.Empty(RunVerification.Of(directory).Damage);

        // Not finished: another coordinator finds an empty store, and says so instead of beginning again.
        await cluster.Silos.DeactivateAsync(cluster.Run("demo"));
        Directory.Delete(directory, recursive: true);
        cluster.States.Change("demo", s => s with { Phase = "Running", Round = 1 });
        await cluster.TickAsync("demo");
        await cluster.EndAsync("demo");
        RunInfo lost = (await cluster.Run("demo").GetState())!;
        Assert.Equal("failed", lost.Phase);
        Assert.Contains(directory, lost.Reason, StringComparison.Ordinal);
        Assert.Contains("resume", lost.Reason, StringComparison.Ordinal);
        await cluster.Run("demo").ResumeAsync();
        Assert.Equal(("finished", expected), await PhaseAndAdapterAsync(cluster, "demo"));
    }

    [Fact]
    public async Task StartAsync_WhatCannotBeStarted_IsRefusedInWords()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("none");
        Task<string> Refusal(string name, RunSpec spec) => RefusalAsync(() => cluster.Run(name).StartAsync(spec));
        Assert.Contains("letters, digits", await Refusal("../evil", GrainCluster.Spec()), StringComparison.Ordinal);
        Assert.Contains("federation.rouds", await Refusal("typo", GrainCluster.Spec("federation.rouds=3")), StringComparison.Ordinal);
        Assert.Contains("federation.client", await Refusal("local", GrainCluster.Spec("federation.algorithm=local")), StringComparison.Ordinal);
        await cluster.Run("demo").StartAsync(GrainCluster.Spec());
        Assert.Contains("what differs: lora.rank", await Refusal("demo", GrainCluster.Spec("lora.rank=4")), StringComparison.Ordinal);
        await cluster.Run("demo").StartAsync(GrainCluster.Spec("evaluation.every=2"));
        Assert.Equal("cancelled", (await cluster.Run("demo").CancelAsync()).Phase);
        Assert.Contains("was cancelled", await Refusal("demo", GrainCluster.Spec()), StringComparison.Ordinal);
        Assert.Equal(["demo"], await cluster.Grains.GetGrain<IRunIndexGrain>(0).ListAsync());
    }

    private static async Task<string> RefusalAsync(Func<Task> call) => (await Assert.ThrowsAsync<RunRefusedException>(call)).Message;

    private static async Task<(string Phase, string Adapter)> PhaseAndAdapterAsync(GrainCluster cluster, string name)
    {
        RunInfo ended = await cluster.EndAsync(name);
        return (ended.Phase, ended.Adapter);
    }

    // A coordinator that was fenced off lets go of the directory's lock.
    private static async Task SettledAsync(GrainCluster cluster, string name)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        while (LockHolder.Of(Path.Combine(cluster.Store, name)) is not null)
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
