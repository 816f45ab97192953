using FedLLM.Experiments.Configuration;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains.Tests;

/// <summary>The clients' grains, on silos in this process.</summary>
public sealed class ClientGrainTests
{
    [Fact]
    public async Task TrainAsync_AskedAgain_AnswersWhatIsStoredAndTrainsOnce()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        TrainRequest request = Request(cluster);
        TrainReply first = await AskAsync(cluster, request);
        TrainReply again = await AskAsync(cluster, request);

        // Another training would have taken another time.
        Assert.Equal(TrainOutcome.Stored, first.Outcome);
        Assert.Equivalent(first, again, strict: true);
        Assert.Single(Directory.EnumerateFiles(Path.Combine(cluster.Store, "demo", "receipts"), "round-000001-client-3.json"));
    }

    [Fact]
    public async Task TrainAsync_AnotherExperimentsIdentity_IsRefused()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        TrainReply reply = await AskAsync(cluster, Request(cluster) with { Identity = new string('0', 64) });
        Assert.Equal((TrainOutcome.Refused, "the model, the data or the program of its host differ from those of the run's coordinator"), (reply.Outcome, reply.Reason));
    }

    [Fact]
    public async Task Placement_OneSiloWithADevice_HasAllClients()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("none", "cpu", "none");
        TrainRequest request = new() { Identity = "", Round = 1, StateHash = "", LearningRate = 0, Trained = 3, Uploaded = 3 };
        for (int client = 0; client < 12; client++)
        {
            // There is no such run: the client is asked where it lives, and refuses.
            Assert.Equal(TrainOutcome.Refused, (await cluster.Grains.GetGrain<IClientGrain>(new ClientKey("cpu", "nowhere", client).ToString()).TrainAsync(request)).Outcome);
        }

        Assert.Equal(12, cluster.Asked.Select(a => a.Client).Distinct().Count());
        Assert.All(cluster.Asked, a => Assert.Equal(cluster.Silo(1).SiloAddress, a.Silo));
    }

    [Fact]
    public async Task Placement_NoSiloWithTheDevice_IsAnErrorOfTheCallThatMayPass()
    {
        await using GrainCluster cluster = await GrainCluster.StartAsync("cpu");
        IClientGrain grain = cluster.Grains.GetGrain<IClientGrain>(new ClientKey("cuda", "demo", 0).ToString());
        TrainRequest request = new() { Identity = "", Round = 1, StateHash = "", LearningRate = 0, Trained = 3, Uploaded = 3 };
        await Assert.ThrowsAnyAsync<OrleansException>(() => grain.TrainAsync(request));
    }

    private static async Task<TrainReply> AskAsync(GrainCluster cluster, TrainRequest request)
    {
        IClientGrain client = cluster.Grains.GetGrain<IClientGrain>(new ClientKey("cpu", "demo", 3).ToString());
        TrainReply reply;
        do
        {
            reply = await client.TrainAsync(request);
        }
        while (reply.Outcome == TrainOutcome.StillTraining);
        return reply;
    }

    // A run that stands before its first round, and what its clients are told then.
    private static TrainRequest Request(GrainCluster cluster)
    {
        string directory = Path.Combine(cluster.Store, "demo");
        Experiment experiment = ExperimentFile.Read(TestSupport.DemoExperiment.File, GrainCluster.Spec().Overrides);
        var prepared = Experiments.Running.PreparedExperiment.Prepare(experiment);
        using var run = Experiments.RunDirectories.RunDirectory.Open(directory, experiment, prepared.Inputs);
        string state = run.Store.Put(prepared.InitialAdapter());
        return new TrainRequest { Identity = run.Identity, Round = 1, StateHash = state, LearningRate = 0.01, Trained = 3, Uploaded = 3 };
    }
}
