using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>What a member's delta weighs in the mean.</summary>
public enum MemberWeighting
{
    /// <summary>Its number of usable samples.</summary>
    Samples,

    /// <summary>The same as every other's.</summary>
    Equal,
}

/// <summary>What a server optimizer makes of a round.</summary>
/// <param name="Adapter">The new global adapter.</param>
/// <param name="State">The optimizer's tensors by name, for its next step.</param>
public sealed record ServerStep(TensorSet Adapter, IReadOnlyDictionary<string, TensorSet> State);

/// <summary>Turns the mean of the members' deltas into the next global adapter.</summary>
public interface IServerOptimizer
{
    /// <summary>The algorithm's name, as an experiment file has it.</summary>
    string Name { get; }

    /// <summary>Which mean it steps along.</summary>
    MemberWeighting Weighting { get; }

    /// <summary>Steps from <paramref name="adapter"/>; changes none of its arguments.</summary>
    /// <param name="t">Round number - 1. Round 1 may have been abandoned: a first step is known by its empty <paramref name="state"/>, not by t.</param>
    /// <param name="adapter">w^t.</param>
    /// <param name="delta">The mean of w_i - w^t over the members, in the adapter's layout.</param>
    /// <param name="state">What the last step left; empty before the first.</param>
    ServerStep Step(int t, TensorSet adapter, TensorSet delta, IReadOnlyDictionary<string, TensorSet> state);
}
