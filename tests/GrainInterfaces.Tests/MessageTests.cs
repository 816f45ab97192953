using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;

namespace FedLLM.GrainInterfaces.Tests;

/// <summary>Every message comes out of the wire as it went in, and is small.</summary>
public sealed class MessageTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddSerializer().BuildServiceProvider();

    [Fact]
    public void TrainRequest_Everything_SurvivesTheWire()
    {
        var request = new TrainRequest
        {
            Identity = new string('a', 64),
            Round = 7,
            StateHash = new string('b', 64),
            LearningRate = 1.0 / 3,
            BaseCorrectionHash = "c",
            Trained = 3,
            Uploaded = 1,
            ProximalMu = 0.1,
            UsesControlVariates = true,
            ControlVariateHash = "d",
            PrivateStates = new() { ["control"] = "e", ["b"] = "f" },
        };
        Assert.Equivalent(request, Through(request), strict: true);
        Assert.InRange(_services.GetRequiredService<Serializer>().SerializeToArray(request).Length, 1, 1024);
    }

    [Fact]
    public void TrainReply_Everything_SurvivesTheWire()
    {
        var reply = new TrainReply
        {
            Round = 7,
            StateHash = "b",
            Outcome = TrainOutcome.Stored,
            Reason = "none",
            Receipt = new Receipt
            {
                Client = 3,
                UpdateHash = "u",
                Weight = 12,
                MaxAbsolute = [1, 2, 3, 4],
                Loss = double.NaN,
                Tokens = long.MaxValue,
                Seconds = 0.25,
                Rewards = [1, -1, 0.5],
                ControlDeltaHash = "c",
                ControlMaxAbsolute = [5, 6, 7, 8],
                PrivateStates = new() { ["control"] = "e" },
            },
        };
        Assert.Equivalent(reply, Through(reply), strict: true);
    }

    [Fact]
    public void RunMessages_Everything_SurviveTheWire()
    {
        var spec = new RunSpec("name: x", "/experiments", ["seed=3"]);
        Assert.Equivalent(spec, Through(spec), strict: true);
        var info = new RunInfo
        {
            Name = "x",
            Phase = "running",
            Reason = "waits",
            Round = 3,
            Rounds = 9,
            Cohort = [4, 1],
            Answered = 1,
            Committed = 2,
            TrainLoss = 0.5,
            Evaluation = new() { ["loss"] = 1.5 },
            Adapter = "h",
            Silo = "s",
        };
        Assert.Equivalent(info, Through(info), strict: true);
        var happened = new RunEventMessage(5, "phase", "{}");
        Assert.Equal(happened, Through(happened));
        Assert.Equal("no", Through(new RunRefusedException("no")).Message);
    }

    [Fact]
    public void ShardsReply_Everything_SurvivesTheWire()
    {
        var reply = new ShardsReply
        {
            IsCounting = true,
            Problem = "none",
            Total = 9,
            Shards = [new RegisteredShard { File = "a.jsonl", Digest = "d", Counts = [1, 2, 3, 4, 5, 6, long.MaxValue], Excluded = new() { [2] = 3 }, Truncated = new() { [1] = 4 }, Labels = new() { ["l"] = 5 } }],
        };
        Assert.Equivalent(reply, Through(reply), strict: true);
        Assert.Equal("why", Through(new ClientFaultException("why")).Message);
    }

    public void Dispose() => _services.Dispose();

    private T Through<T>(T message)
    {
        Serializer serializer = _services.GetRequiredService<Serializer>();
        return serializer.Deserialize<T>(serializer.SerializeToArray(message))!;
    }
}
