using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>What a LoRA aggregation leaves as the result of a run.</summary>
public enum LoraOutput
{
    /// <summary>One adapter of the global rank.</summary>
    Adapter,

    /// <summary>An adapter, and a correction of the base model as stacked factors.</summary>
    AdapterAndBaseCorrection,

    /// <summary>The shared factors; the others are each client's own.</summary>
    SharedPart,
}

/// <summary>What the members' updates combine to.</summary>
public sealed record Combined
{
    /// <summary>The mean delta of the uploaded factors, along which the server optimizer steps; null where <see cref="Adapter"/> takes the place of a step.</summary>
    public TensorSet? MeanDelta { get; init; }

    /// <summary>The next global adapter where it is made anew; null where the server optimizer makes it.</summary>
    public TensorSet? Adapter { get; init; }

    /// <summary>The whole base correction after the round, earlier rounds' included; null for methods that leave the base alone.</summary>
    public TensorSet? BaseCorrection { get; init; }
}

/// <summary>
/// How the clients' LoRA factors become the next global state: which of them clients train and upload, how they combine. Beside it the server optimizer says
/// how to step along a mean.
/// </summary>
public interface ILoraAggregation
{
    /// <summary>The method's name, as an experiment file has it.</summary>
    string Name { get; }

    /// <summary>What it leaves.</summary>
    LoraOutput Output { get; }

    /// <summary>Whether it is a sum, so that updates stream and memory does not grow with the cohort; otherwise it holds every member's factors.</summary>
    bool Streams { get; }

    /// <summary>Whether clients may have adapters of different ranks.</summary>
    bool RanksMayDiffer { get; }

    /// <summary>Returns the factors that clients train in <paramref name="round"/> (from 1).</summary>
    LoraFactors Trained(int round);

    /// <summary>Returns the factors whose deltas leave the client in <paramref name="round"/>; trained ones that do not are its private state.</summary>
    LoraFactors Uploaded(int round);

    /// <summary>Returns the factors that a client must be sent in <paramref name="round"/>: those that it can neither draw from the run's seed nor has itself.</summary>
    LoraFactors Downloaded(int round);

    /// <summary>Returns why the method cannot go with <paramref name="optimizer"/>, in one sentence, or null where it can.</summary>
    string? RefusalOf(IServerOptimizer optimizer);

    /// <summary>Returns the adapter with which a client begins a round, before its private factors, if it has any, take the global ones' place.</summary>
    TensorSet ForClient(TensorSet global, int client);

    /// <summary>Returns the tensors of a client's adapter, given the global adapter's; the same by default.</summary>
    TensorLayout ClientLayout(TensorLayout global, int client) => global;

    /// <summary>Returns a state as one adapter on the original base model: the global adapter, joined with the base correction where the method makes one.</summary>
    TensorSet Result(GlobalState state) => state.Adapter;

    /// <summary>Combines the members' updates of <paramref name="round"/>; changes none of its arguments.</summary>
    /// <exception cref="UpdateRejectedException">An update is not what its receipt says.</exception>
    /// <exception cref="IOException">An update cannot be read.</exception>
    Combined Combine(int round, GlobalState state, MemberUpdates updates, CancellationToken cancellationToken);
}
