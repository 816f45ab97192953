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

/// <summary>What a server optimizer steps along.</summary>
/// <param name="Delta">The mean of w_i - w^t over the members, by the optimizer's weighting.</param>
/// <param name="Members">K, the number of members.</param>
public sealed record MeanUpdate(TensorSet Delta, int Members)
{
    /// <summary>The plain mean of the members' control deltas c_i+ - c_i; null where the algorithm has none.</summary>
    public TensorSet? ControlDelta { get; init; }
}

/// <summary>What an algorithm adds to every client's local training.</summary>
public sealed record ClientTerms
{
    /// <summary>Nothing: the client minimises its own loss.</summary>
    public static ClientTerms None { get; } = new();

    /// <summary>mu of the proximal term (mu / 2) Σ ‖p - p^t‖² over the trained tensors, part of the client's loss; not negative; 0 for none.</summary>
    public double ProximalMu { get; init; }

    /// <summary>Whether clients correct their steps by control variates, see <see cref="ControlVariates"/>.</summary>
    public bool UsesControlVariates { get; init; }
}

/// <summary>Turns the mean of the members' deltas into the next global adapter.</summary>
public interface IServerOptimizer
{
    /// <summary>The algorithm's name, as an experiment file has it.</summary>
    string Name { get; }

    /// <summary>Which mean it steps along.</summary>
    MemberWeighting Weighting { get; }

    /// <summary>What clients add to their training; nothing by default.</summary>
    ClientTerms Client => ClientTerms.None;

    /// <summary>Whether the next adapter is just the last one plus the mean delta, so that it is the mean of what the clients trained.</summary>
    bool AddsTheMean => false;

    /// <summary>Steps from <paramref name="adapter"/>; changes none of its arguments.</summary>
    /// <param name="t">Round number - 1. Round 1 may have been abandoned: a first step is known by its empty <paramref name="state"/>, not by t.</param>
    /// <param name="adapter">w^t, or the part of it that the members trained and shared this round.</param>
    /// <param name="mean">The members' mean, in the layout of <paramref name="adapter"/>.</param>
    /// <param name="state">What the last step left, in that layout; empty before the first.</param>
    ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state);
}
