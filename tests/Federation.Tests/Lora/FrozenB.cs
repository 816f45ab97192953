using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Lora;

/// <summary>A method whose clients upload both factors but move A alone.</summary>
internal sealed class FrozenB(ILoraAggregation inner) : ILoraAggregation
{
    public string Name => inner.Name;

    public LoraOutput Output => inner.Output;

    public bool Streams => inner.Streams;

    public bool RanksMayDiffer => inner.RanksMayDiffer;

    public LoraFactors Trained(int round) => LoraFactors.A;

    public LoraFactors Uploaded(int round) => inner.Uploaded(round);

    public LoraFactors Downloaded(int round) => inner.Downloaded(round);

    public string? RefusalOf(IServerOptimizer optimizer) => inner.RefusalOf(optimizer);

    public TensorSet ForClient(TensorSet global, int client) => inner.ForClient(global, client);

    public Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken) =>
        inner.Combine(round, state, updates, cancellationToken);
}
