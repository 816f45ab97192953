using System.Numerics;
using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Federation.Tests.Aggregation;

public sealed class FixedPointSumTests
{
    private static readonly TensorLayout Single = new([("w", [3])]);

    [Fact]
    public void Mean_OfAnyOrder_HasTheSameBits()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed);
            FixedPointPlan plan = deltas.Plan();
            TensorSet ascending = deltas.Sum(plan, Enumerable.Range(0, c.Clients)).Mean();
            TensorSet shuffled = deltas.Sum(plan, Shuffled(c.Clients, c.Seed)).Mean();
            return SameBits(ascending, shuffled);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Plan_OfMembersInAnyOrder_IsTheSame()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed);
            Member[] members = [.. deltas.Tensors.Select((d, i) => new Member(i, deltas.Weights[i], TensorMagnitudes.Of(d)))];
            var straight = new FixedPointPlan(Deltas.Layout, members);
            var shuffled = new FixedPointPlan(Deltas.Layout, Shuffled(c.Clients, c.Seed).Select(i => members[i]));
            return straight.Exponents.SequenceEqual(shuffled.Exponents) && straight.TotalWeight == shuffled.TotalWeight;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Merge_OfAnySplit_HasTheBitsOfOneSum()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed);
            FixedPointSum whole = deltas.Sum(deltas.Plan(), Enumerable.Range(0, c.Clients));

            // Each client goes to one of four machines; each machine makes the plan for itself.
            var random = new CounterRandom(c.Seed, RandomPurpose.Partition);
            int[] machine = [.. Enumerable.Range(0, c.Clients).Select(i => (int)(random.Bits((ulong)i) % 4))];
            FixedPointSum[] parts = [.. Enumerable.Range(0, 4).Select(m =>
                deltas.Sum(deltas.Plan(), Shuffled(c.Clients, c.Seed).Where(i => machine[i] == m)))];
            int[] order = Shuffled(4, c.Seed);
            foreach (int m in order[1..])
            {
                parts[order[0]].Merge(parts[m]);
            }

            return parts[order[0]].Weight == whole.Weight
                && parts[order[0]].Values.SequenceEqual(whole.Values)
                && SameBits(parts[order[0]].Mean(), whole.Mean());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Plan_Exponent_IsTheLargestThatKeepsTheSumBelow2To62()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed, integerWeights: true);
            FixedPointPlan plan = deltas.Plan();
            for (int j = 0; j < 2; j++)
            {
                // Exact, in units of 2^-149: every float32 is a multiple of it.
                BigInteger total = 0;
                for (int i = 0; i < c.Clients; i++)
                {
                    total += (BigInteger)deltas.Weights[i] * Scaled(TensorMagnitudes.Of(deltas.Tensors[i])[j], 149);
                }

                BigInteger limit = BigInteger.One << (62 + 149);
                if (total << plan.Exponents[j] >= limit || total << (plan.Exponents[j] + 1) < limit)
                {
                    return false;
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Mean_AgainstTheExactMean_IsWithinTheStatedError()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed, integerWeights: true);
            TensorSet mean = deltas.Sum(deltas.Plan(), Enumerable.Range(0, c.Clients)).Mean();
            double total = deltas.Weights.Sum();
            foreach (TensorSlot slot in Deltas.Layout.Slots)
            {
                double largest = Enumerable.Range(0, c.Clients)
                    .Sum(i => deltas.Weights[i] / total * TensorMagnitudes.Of(deltas.Tensors[i][slot]));
                for (int e = slot.Offset; e < slot.Offset + slot.Count; e++)
                {
                    double exact = ExactMean(deltas, e);
                    double stated = (c.Clients * Math.ScaleB(largest, -62)) + (Math.Abs(exact) * Math.ScaleB(1, -52));
                    double rounding = MathF.BitIncrement(MathF.Abs((float)exact)) - MathF.Abs((float)exact);
                    if (Math.Abs(mean.Values[e] - exact) > stated + (0.5 * rounding))
                    {
                        return false;
                    }
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Mean_OfOneMember_IsItsDelta()
    {
        var delta = new TensorSet(Single, [0.1f, -3.3333e-7f, 1e-9f]);
        foreach (double weight in new[] { 1, 160, 0.3, 1e12, 16777215 })
        {
            var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(7, weight, TensorMagnitudes.Of(delta))]));
            sum.Add(7, delta);
            Assert.True(SameBits(delta, sum.Mean()));
        }
    }

    [Fact]
    public void Mean_OfTwoMembers_IsTheWeightedMean()
    {
        var first = new TensorSet(Single, [1f, -2f, 0f]);
        var second = new TensorSet(Single, [5f, 2f, -0f]);
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(0, 3, [2f]), new Member(1, 1, [5f])]));
        sum.Add(1, second);
        sum.Add(0, first);

        // (3·1 + 5)/4, (3·-2 + 2)/4, 0.
        Assert.Equal([2f, -1f, 0f], sum.Mean().Values);
        Assert.Equal(4, sum.Weight);
    }

    [Theory]
    [InlineData(float.Epsilon)]
    [InlineData(float.MaxValue)]
    public void Mean_OfExtremeValues_IsExact(float value)
    {
        var delta = new TensorSet(Single, [value, -value, 0f]);
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(0, 1, [value]), new Member(1, 3, [value])]));
        sum.Add(0, delta);
        sum.Add(1, delta);
        Assert.Equal(delta.Values, sum.Mean().Values);
    }

    [Fact]
    public void Mean_OfZeros_IsZero()
    {
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(0, 1, [0f])]));
        sum.Add(0, new TensorSet(Single));
        Assert.Equal([0f, 0f, 0f], sum.Mean().Values);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Add_NonFiniteValue_IsRefusedByClientAndTensorAndSpoilsTheSum(float value)
    {
        foreach (int place in new[] { 0, 15, 31, 36 })
        {
            TensorSet delta = new Deltas(1, 1).Tensors[0];
            FixedPointSum sum = new(new FixedPointPlan(Deltas.Layout, [new Member(4, 1, TensorMagnitudes.Of(delta))]));
            delta["a"][place] = value;
            var refusal = Assert.Throws<UpdateRejectedException>(() => sum.Add(4, delta));
            Assert.Equal((4, "a"), (refusal.Client, refusal.Tensor));
            Assert.Contains("non-finite", refusal.Message);
            Assert.Throws<InvalidOperationException>(sum.Mean);
        }
    }

    [Fact]
    public void Add_ValueBeyondTheDeclaredLargest_IsRefused()
    {
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(2, 1, [1f])]));
        var refusal = Assert.Throws<UpdateRejectedException>(() => sum.Add(2, new TensorSet(Single, [1f, MathF.BitIncrement(1f), 0f])));
        Assert.Contains("beyond", refusal.Message);
    }

    [Fact]
    public void Add_OtherTensors_IsRefusedAndLeavesTheSumUsable()
    {
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(2, 1, [1f])]));
        Assert.Equal(2, Assert.Throws<UpdateRejectedException>(() => sum.Add(2, new TensorSet(Deltas.Layout))).Client);
        sum.Add(2, new TensorSet(Single, [1f, 0f, 0f]));
        Assert.Equal([1f, 0f, 0f], sum.Mean().Values);
    }

    [Fact]
    public void Add_StrangerOrTheSameClientAgain_IsRefused()
    {
        var sum = new FixedPointSum(new FixedPointPlan(Single, [new Member(2, 1, [1f])]));
        Assert.Throws<ArgumentException>(() => sum.Add(3, new TensorSet(Single)));
        sum.Add(2, new TensorSet(Single));
        Assert.Throws<ArgumentException>(() => sum.Add(2, new TensorSet(Single)));
    }

    [Fact]
    public void Merge_SharedMemberOrOtherPlan_IsRefused()
    {
        var deltas = new Deltas(3, 5);
        FixedPointSum sum = deltas.Sum(deltas.Plan(), [0, 1]);
        Assert.Throws<ArgumentException>(() => sum.Merge(deltas.Sum(deltas.Plan(), [1, 2])));
        Assert.Throws<ArgumentException>(() => sum.Merge(new FixedPointSum(new Deltas(3, 6).Plan())));
    }

    [Fact]
    public void Mean_OfNothing_IsRefused()
    {
        Assert.Throws<InvalidOperationException>(new FixedPointSum(new Deltas(1, 1).Plan()).Mean);
    }

    [Fact]
    public void Plan_MembersThatCannotBeSummed_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => new FixedPointPlan(Single, []));
        Assert.Throws<ArgumentException>(() => new FixedPointPlan(Single, [new Member(0, 0, [1f])]));
        Assert.Throws<ArgumentException>(() => new FixedPointPlan(Single, [new Member(0, 1, [1f]), new Member(0, 1, [1f])]));
        Assert.Null(Assert.Throws<UpdateRejectedException>(() => new FixedPointPlan(Single, [new Member(0, 1, [])])).Tensor);
        Assert.Equal("w", Assert.Throws<UpdateRejectedException>(() => new FixedPointPlan(Single, [new Member(0, 1, [float.NaN])])).Tensor);
    }

    private static Arbitrary<(int Clients, ulong Seed)> Cases() =>
        (from clients in Gen.Choose(1, 12) from seed in Gen.Choose(0, int.MaxValue) select (clients, (ulong)seed)).ToArbitrary();

    private static int[] Shuffled(int count, ulong seed)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new CounterRandom(seed, RandomPurpose.DataSampling).Shuffle<int>(order);
        return order;
    }

    private static bool SameBits(TensorSet x, TensorSet y) =>
        x.Values.Select(BitConverter.SingleToInt32Bits).SequenceEqual(y.Values.Select(BitConverter.SingleToInt32Bits));

    private static double ExactMean(Deltas deltas, int element)
    {
        BigInteger sum = 0;
        for (int i = 0; i < deltas.Tensors.Length; i++)
        {
            sum += (BigInteger)deltas.Weights[i] * Scaled(deltas.Tensors[i].Values[element], 149);
        }

        // 120 more bits before the integer division: the quotient is exact far beyond float64.
        BigInteger quotient = (sum << 120) / (BigInteger)deltas.Weights.Sum();
        return Math.ScaleB((double)quotient, -269);
    }

    private static BigInteger Scaled(float value, int exponent) => new(Math.ScaleB((double)value, exponent));
}
