using System.Numerics;
using FedLLM.Numerics;

namespace FedLLM.Federation.Aggregation;

/// <summary>What a sum must know of a member before it adds the member's delta.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Weight">Aggregation weight; positive and finite.</param>
/// <param name="MaxAbsolute">Per tensor of the layout, in its order, the largest |delta|; finite.</param>
public sealed record Member(int Client, double Weight, IReadOnlyList<float> MaxAbsolute);

/// <summary>
/// The scales of one round's fixed-point sums, fixed when membership closes: a function of the set of members alone. Every machine that
/// sums a part of the members uses the plan of all of them, so that the partial sums merge exactly.
/// </summary>
/// <remarks>
/// Tensor j holds its sum in units of 2^-e_j, with e_j the largest integer for which Σ_i weight_i · max|delta_ij| · 2^e_j is below 2^62
/// (the sum is computed exactly); 0 where every delta is zero. Rounding adds at most half a unit for each member, so an int64 never overflows.
/// </remarks>
public sealed class FixedPointPlan
{
    // The smallest positive float32 is 2^-149: every product weight · max|delta| is an integer multiple of it.
    private const int SmallestExponent = -149;

    // The power of two of the largest float32's last bit.
    private const int LargestShift = 104;

    private readonly Dictionary<int, int> _index = [];
    private readonly Member[] _members;
    private readonly int[] _weights;
    private readonly int[] _exponents;

    /// <summary>Plans the sum of <paramref name="members"/> over <paramref name="layout"/>.</summary>
    /// <exception cref="ArgumentException">There are no members, a client occurs twice, or a weight is not positive and finite.</exception>
    /// <exception cref="UpdateRejectedException">A member's largest values are not one for each tensor, or not finite.</exception>
    public FixedPointPlan(TensorLayout layout, IEnumerable<Member> members)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentNullException.ThrowIfNull(members);
        Layout = layout;
        _members = [.. members.OrderBy(m => m.Client)];
        if (_members.Length == 0)
        {
            throw new ArgumentException("A sum needs at least one member.", nameof(members));
        }

        for (int i = 0; i < _members.Length; i++)
        {
            if (!_index.TryAdd(_members[i].Client, i))
            {
                throw new ArgumentException($"Client {_members[i].Client} is a member twice.", nameof(members));
            }

            RequireFinite(layout, _members[i]);
        }

        _weights = IntegerWeights.Quantize([.. _members.Select(m => m.Weight)]);
        TotalWeight = _weights.Sum(w => (long)w);
        _exponents = [.. Enumerable.Range(0, layout.Slots.Count).Select(Exponent)];
    }

    /// <summary>Names and shapes of the deltas.</summary>
    public TensorLayout Layout { get; }

    /// <summary>Per tensor of the layout, in its order, the exponent e of the unit 2^-e.</summary>
    public IReadOnlyList<int> Exponents => _exponents;

    /// <summary>Number of members.</summary>
    public int Count => _members.Length;

    /// <summary>Sum of all members' integer weights.</summary>
    public long TotalWeight { get; }

    /// <summary>Returns a client's place among the members in ascending order of their ids, or -1 where it is none.</summary>
    internal int IndexOf(int client) => _index.TryGetValue(client, out int i) ? i : -1;

    /// <summary>Returns the client at <paramref name="index"/> of the members in ascending order of their ids.</summary>
    internal int ClientAt(int index) => _members[index].Client;

    /// <summary>Returns the integer weight of the member at <paramref name="index"/>.</summary>
    internal int WeightAt(int index) => _weights[index];

    /// <summary>Returns the largest |delta| that the member at <paramref name="index"/> declared for a tensor.</summary>
    internal float BoundAt(int index, int tensor) => _members[index].MaxAbsolute[tensor];

    /// <summary>Says whether sums of the two plans may merge: same tensors, units, members and weights.</summary>
    internal bool Matches(FixedPointPlan other) => ReferenceEquals(this, other)
        || (Layout.Equals(other.Layout) && _exponents.AsSpan().SequenceEqual(other._exponents) && _weights.AsSpan().SequenceEqual(other._weights)
            && _members.Select(m => m.Client).SequenceEqual(other._members.Select(m => m.Client)));

    private static void RequireFinite(TensorLayout layout, Member member)
    {
        if (member.MaxAbsolute.Count != layout.Slots.Count)
        {
            throw new UpdateRejectedException(member.Client, null, $"it declares {member.MaxAbsolute.Count} tensors where the adapter has {layout.Slots.Count}");
        }

        for (int j = 0; j < layout.Slots.Count; j++)
        {
            if (!float.IsFinite(member.MaxAbsolute[j]) || member.MaxAbsolute[j] < 0)
            {
                throw new UpdateRejectedException(member.Client, layout.Slots[j].Name, "it holds non-finite values");
            }
        }
    }

    private int Exponent(int tensor)
    {
        // Σ weight · max|delta|, products of one power of two together: they are added to big integers once for each power, not once for each member.
        Span<UInt128> sums = stackalloc UInt128[LargestShift - SmallestExponent + 1];
        sums.Clear();
        for (int i = 0; i < _members.Length; i++)
        {
            float bound = _members[i].MaxAbsolute[tensor];
            if (bound != 0)
            {
                int shift = Math.Max(Math.ILogB(bound) - 23, SmallestExponent);
                sums[shift - SmallestExponent] += (UInt128)(_weights[i] * (long)Math.ScaleB((double)bound, -shift));
            }
        }

        BigInteger total = BigInteger.Zero; // in units of 2^-149
        for (int power = 0; power < sums.Length; power++)
        {
            if (sums[power] != UInt128.Zero)
            {
                total += (BigInteger)sums[power] << power;
            }
        }

        return total.IsZero ? 0 : 62 - (int)total.GetBitLength() - SmallestExponent;
    }
}
