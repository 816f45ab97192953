using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Federation.Lora;

/// <summary>The updates of a round's members, loaded one at a time in ascending order of their ids.</summary>
public sealed class MemberUpdates
{
    private readonly MemberWeighting _weighting;
    private readonly ITensorStore _store;

    /// <summary>Names the members.</summary>
    /// <param name="members">The members' receipts; at least one.</param>
    /// <param name="weighting">What a member weighs.</param>
    /// <param name="store">Holds the updates.</param>
    public MemberUpdates(IEnumerable<ClientReceipt> members, MemberWeighting weighting, ITensorStore store)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(store);
        Members = [.. members.OrderBy(m => m.Client)];
        _weighting = weighting;
        _store = store;
    }

    /// <summary>The members, ascending by id.</summary>
    public IReadOnlyList<ClientReceipt> Members { get; }

    /// <summary>Returns what a member weighs.</summary>
    public double WeightOf(ClientReceipt member)
    {
        ArgumentNullException.ThrowIfNull(member);
        return _weighting == MemberWeighting.Equal ? 1 : member.Weight;
    }

    /// <summary>Returns p_i, the members' shares of the whole weight, in their order.</summary>
    public double[] Shares()
    {
        double total = Members.Sum(WeightOf);
        return [.. Members.Select(m => WeightOf(m) / total)];
    }

    /// <summary>Loads a member's delta.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public TensorSet Load(ClientReceipt member)
    {
        ArgumentNullException.ThrowIfNull(member);
        return _store.Get(member.UpdateHash);
    }

    /// <summary>Returns the weighted mean of the deltas, by a fixed-point sum; besides it, one delta is in memory.</summary>
    /// <param name="layout">The deltas' layout.</param>
    /// <param name="cancellationToken">Stops between members.</param>
    /// <exception cref="UpdateRejectedException">An update is not what its receipt says.</exception>
    /// <exception cref="IOException">An update cannot be read.</exception>
    public TensorSet Mean(TensorLayout layout, CancellationToken cancellationToken) =>
        Mean(layout, WeightOf, m => new StoredTensors(m.UpdateHash, m.MaxAbsolute), cancellationToken);

    /// <summary>Returns the plain mean of the control deltas, likewise.</summary>
    /// <exception cref="UpdateRejectedException">A member has none, or it is not what its receipt says.</exception>
    /// <exception cref="IOException">A control delta cannot be read.</exception>
    public TensorSet MeanControlDelta(TensorLayout layout, CancellationToken cancellationToken) =>
        Mean(layout, _ => 1, m => m.ControlDelta ?? throw new UpdateRejectedException(m.Client, null, "it has no control delta"), cancellationToken);

    /// <summary>Returns the factors that a member trained: those it began with, plus its delta.</summary>
    /// <param name="member">The member.</param>
    /// <param name="begun">The adapter it began the round with.</param>
    /// <exception cref="UpdateRejectedException">The delta has other tensors.</exception>
    /// <exception cref="IOException">The delta cannot be read.</exception>
    internal TensorSet Factors(ClientReceipt member, TensorSet begun)
    {
        TensorSet delta = _store.Get(member.UpdateHash);
        return delta.Layout.Equals(begun.Layout) ? FedAvg.Add(begun, delta) : throw new UpdateRejectedException(member.Client, null, "its tensors are not the adapter's");
    }

    /// <summary>Adds p_i s_i B_i·A_i of every member to <paramref name="stack"/>, in ascending order of their ids.</summary>
    /// <param name="stack">Holds every member's factors afterwards.</param>
    /// <param name="begun">The adapter that a client began the round with.</param>
    /// <param name="shapes">Every client's scaling s_i.</param>
    /// <param name="cancellationToken">Stops between members.</param>
    internal void StackProducts(FactorStack stack, Func<int, TensorSet> begun, LoraShapes shapes, CancellationToken cancellationToken)
    {
        double[] shares = Shares();
        for (int i = 0; i < shares.Length; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            stack.Add(Factors(Members[i], begun(Members[i].Client)), shares[i] * shapes.Of(Members[i].Client).Scaling);
        }
    }

    private TensorSet Mean(TensorLayout layout, Func<ClientReceipt, double> weight, Func<ClientReceipt, StoredTensors> stored, CancellationToken cancellationToken)
    {
        var sum = new FixedPointSum(new FixedPointPlan(layout, Members.Select(m => new Member(m.Client, weight(m), stored(m).MaxAbsolute))));
        var delta = new TensorSet(layout);
        foreach (ClientReceipt member in Members)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!_store.TryGet(stored(member).Hash, delta))
            {
                throw new UpdateRejectedException(member.Client, null, "its tensors are not the adapter's");
            }

            sum.Add(member.Client, delta);
        }

        sum.Mean(delta);
        return delta;
    }
}
