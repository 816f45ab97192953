using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Algorithms;

public sealed class FedAvgTests
{
    private static readonly IReadOnlyDictionary<string, TensorSet> NoState = new Dictionary<string, TensorSet>();

    public static TheoryData<string> Averages => ["fedavg", "fedprox"];

    [Theory]
    [MemberData(nameof(Averages))]
    public void Step_FromAnAdapter_AddsTheMeanDeltaAndKeepsItsArguments(string algorithm)
    {
        IServerOptimizer optimizer = algorithm == "fedavg" ? new FedAvg() : new FedProx(0.5);
        var layout = new TensorLayout([("w", [2])]);
        var adapter = new TensorSet(layout, [1f, -2f]);
        var delta = new TensorSet(layout, [0.5f, 0.25f]);
        ServerStep step = optimizer.Step(3, adapter, new MeanUpdate(delta, 2), NoState);
        Assert.Equal([1.5f, -1.75f], step.Adapter.Values);
        Assert.Empty(step.State);
        Assert.Equal([1f, -2f], adapter.Values);
        Assert.Equal([0.5f, 0.25f], delta.Values);
        Assert.Equal(algorithm, optimizer.Name);
        Assert.True(optimizer.AddsTheMean);
        Assert.Equal(algorithm == "fedavg" ? 0 : 0.5, optimizer.Client.ProximalMu);
        Assert.False(optimizer.Client.UsesControlVariates);
    }

    [Theory]
    [InlineData(-0.01)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void FedProx_MuOutOfRange_IsRefused(double mu) => Assert.Throws<ArgumentOutOfRangeException>(() => new FedProx(mu));
}
