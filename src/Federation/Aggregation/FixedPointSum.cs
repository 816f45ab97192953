using FedLLM.Numerics;

namespace FedLLM.Federation.Aggregation;

/// <summary>
/// A weighted mean of clients' deltas whose bits depend neither on the order in which they arrive nor on how the members are split over partial sums:
/// integers are added, and integer addition is associative.
/// </summary>
/// <remarks>
/// S = Σ_i round(weight_i · delta_i · 2^e), mean = S / (2^e · Σ_i weight_i). The product is exact in float64 (24 + 24 bits, scaled by a power of two),
/// rounded once to an integer, ties to even; the division comes last. Memory: 8 bytes an element, whatever the number of members.
/// Against the exact mean by the integer weights (the weights themselves wherever they are sample counts, see <see cref="IntegerWeights"/>)
/// the error of an element is at most K · 2^-62 · M + 2^-52 · |mean| before the one rounding to float32, with K members and M the weighted mean
/// of their largest |delta| in that tensor: below what a sum in float64 guarantees.
/// </remarks>
public sealed class FixedPointSum
{
    private readonly FixedPointPlan _plan;
    private readonly long[] _sums; // [elements of the layout]
    private readonly bool[] _added; // [members]
    private bool _broken;

    /// <summary>Makes the empty sum of a plan.</summary>
    public FixedPointSum(FixedPointPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        _plan = plan;
        _sums = new long[plan.Layout.Count];
        _added = new bool[plan.Count];
    }

    /// <summary>Sum of the integer weights added so far.</summary>
    public long Weight { get; private set; }

    /// <summary>The sums so far, element by element, in units of the plan's 2^-e.</summary>
    public ReadOnlySpan<long> Values => _sums;

    /// <summary>Adds a member's weighted delta. After an <see cref="UpdateRejectedException"/> for its values the sum is spoilt and refuses further use.</summary>
    /// <exception cref="ArgumentException">The client is no member of the plan, or was added before.</exception>
    /// <exception cref="UpdateRejectedException">The delta has other tensors, a value that is not finite, or one beyond what the member declared.</exception>
    public void Add(int client, TensorSet delta)
    {
        ArgumentNullException.ThrowIfNull(delta);
        RequireWhole();
        int member = _plan.IndexOf(client);
        if (member < 0 || _added[member])
        {
            throw new ArgumentException(member < 0 ? $"Client {client} is no member of this sum." : $"Client {client} was added before.", nameof(client));
        }

        if (!delta.Layout.Equals(_plan.Layout))
        {
            throw new UpdateRejectedException(client, null, "its tensors are not the adapter's");
        }

        int weight = _plan.WeightAt(member);
        for (int j = 0; j < _plan.Layout.Slots.Count; j++)
        {
            TensorSlot slot = _plan.Layout.Slots[j];
            ReadOnlySpan<float> values = delta[slot];
            double factor = Math.ScaleB(weight, _plan.Exponents[j]);
            if (!FixedPointKernel.Add(values, factor, _plan.BoundAt(member, j), _sums.AsSpan(slot.Offset, slot.Count)))
            {
                _broken = true;
                bool finite = float.IsFinite(TensorMagnitudes.Of(values));
                throw new UpdateRejectedException(client, slot.Name, finite ? "a value is beyond the largest that its receipt declares" : "it holds non-finite values");
            }
        }

        _added[member] = true;
        Weight += weight;
    }

    /// <summary>Adds a partial sum over other members of the same plan; exact.</summary>
    /// <exception cref="ArgumentException">The plans differ, or the two share a member.</exception>
    public void Merge(FixedPointSum other)
    {
        ArgumentNullException.ThrowIfNull(other);
        RequireWhole();
        other.RequireWhole();
        if (!_plan.Matches(other._plan))
        {
            throw new ArgumentException("The partial sums have different plans.", nameof(other));
        }

        for (int i = 0; i < _added.Length; i++)
        {
            if (_added[i] && other._added[i])
            {
                throw new ArgumentException("The partial sums share a member.", nameof(other));
            }
        }

        for (int i = 0; i < _sums.Length; i++)
        {
            _sums[i] += other._sums[i];
        }

        for (int i = 0; i < _added.Length; i++)
        {
            _added[i] |= other._added[i];
        }

        Weight += other.Weight;
    }

    /// <summary>Writes the partial sum, so that another machine with the same plan can merge it: the scales, Σ weight, its members and the sums, with a checksum.</summary>
    /// <exception cref="InvalidOperationException">The sum was spoilt.</exception>
    public void Write(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        RequireWhole();
        PartialSumFormat.Write(stream, _plan, Weight, _added, _sums);
    }

    /// <summary>Reads a partial sum that <see cref="Write"/> wrote.</summary>
    /// <param name="plan">The plan of all the round's members, as the writer had it.</param>
    /// <param name="stream">The bytes; what follows them is not read.</param>
    /// <exception cref="InvalidDataException">They are cut off, damaged, of another plan, or hold what no sum of the plan can.</exception>
    public static FixedPointSum Read(FixedPointPlan plan, Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var sum = new FixedPointSum(plan);
        sum.Weight = PartialSumFormat.Read(stream, plan, sum._added, sum._sums);
        return sum;
    }

    /// <summary>Returns the weighted mean of the deltas added.</summary>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    public TensorSet Mean()
    {
        var mean = new TensorSet(_plan.Layout);
        Mean(mean);
        return mean;
    }

    /// <summary>Writes the weighted mean of the deltas added into the caller's set, such as the one that held the last delta.</summary>
    /// <exception cref="InvalidOperationException">Nothing was added.</exception>
    /// <exception cref="ArgumentException">The set has other tensors than the deltas.</exception>
    public void Mean(TensorSet mean)
    {
        ArgumentNullException.ThrowIfNull(mean);
        RequireWhole();
        if (Weight == 0)
        {
            throw new InvalidOperationException("The mean of no deltas is undefined.");
        }

        if (!mean.Layout.Equals(_plan.Layout))
        {
            throw new ArgumentException("The mean has the deltas' tensors, but the destination has others.", nameof(mean));
        }

        double divisor = Weight;
        for (int j = 0; j < _plan.Layout.Slots.Count; j++)
        {
            TensorSlot slot = _plan.Layout.Slots[j];
            double unit = Math.ScaleB(1.0, -_plan.Exponents[j]);
            ReadOnlySpan<long> sums = _sums.AsSpan(slot.Offset, slot.Count);
            Span<float> values = mean[slot];
            for (int i = 0; i < sums.Length; i++)
            {
                values[i] = (float)(sums[i] / divisor * unit);
            }
        }
    }

    private void RequireWhole()
    {
        if (_broken)
        {
            throw new InvalidOperationException("The sum was spoilt by a rejected update.");
        }
    }
}
