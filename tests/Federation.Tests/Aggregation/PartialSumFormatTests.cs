using FedLLM.Federation.Aggregation;
using FedLLM.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Federation.Tests.Aggregation;

public sealed class PartialSumFormatTests
{
    [Fact]
    public void Read_OfAnySumWritten_IsThatSum()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed);
            FixedPointSum sum = deltas.Sum(deltas.Plan(), Members(c.Clients, c.Seed, machine: 0));
            byte[] bytes = Bytes(sum);
            FixedPointSum read = FixedPointSum.Read(deltas.Plan(), new MemoryStream(bytes));
            Assert.Equal(sum.Weight, read.Weight);
            Assert.Equal(sum.Values.ToArray(), read.Values.ToArray());
            Assert.Equal(bytes, Bytes(read));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Merge_OfSumsThatTravelled_HasTheBitsOfOneSum()
    {
        Prop.ForAll(Cases(), c =>
        {
            var deltas = new Deltas(c.Clients, c.Seed);
            TensorSet whole = deltas.Sum(deltas.Plan(), Enumerable.Range(0, c.Clients)).Mean();

            // Four machines, each with its own plan and its members in an order of its own; whoever merges reads what they sent, in any order.
            byte[][] sent = [.. Enumerable.Range(0, 4).Select(m => Bytes(deltas.Sum(deltas.Plan(), Members(c.Clients, c.Seed, m))))];
            new CounterRandom(c.Seed, RandomPurpose.CohortSampling).Shuffle(sent.AsSpan());
            var merged = new FixedPointSum(deltas.Plan());
            foreach (byte[] bytes in sent)
            {
                merged.Merge(FixedPointSum.Read(deltas.Plan(), new MemoryStream(bytes)));
            }

            Assert.Equal(whole.Values.Select(BitConverter.SingleToUInt32Bits), merged.Mean().Values.Select(BitConverter.SingleToUInt32Bits));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Read_AnyByteChangedOrMissing_IsRefused()
    {
        var deltas = new Deltas(5, 3);
        byte[] bytes = Bytes(deltas.Sum(deltas.Plan(), [0, 2, 4]));
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] damaged = [.. bytes];
            damaged[i] ^= 0x10;
            Assert.Throws<InvalidDataException>(() => FixedPointSum.Read(deltas.Plan(), new MemoryStream(damaged)));
            Assert.Throws<InvalidDataException>(() => FixedPointSum.Read(deltas.Plan(), new MemoryStream(bytes, 0, i)));
        }
    }

    [Fact]
    public void Read_OfAnotherPlan_IsRefused()
    {
        var deltas = new Deltas(5, 3);
        byte[] bytes = Bytes(deltas.Sum(deltas.Plan(), [0, 1]));
        deltas.Weights[4] *= 2;
        Assert.Throws<InvalidDataException>(() => FixedPointSum.Read(deltas.Plan(), new MemoryStream(bytes)));
        Assert.Throws<InvalidDataException>(() => FixedPointSum.Read(new Deltas(4, 3).Plan(), new MemoryStream(bytes)));
    }

    [Fact]
    public void Read_WholeButImpossible_IsRefused()
    {
        // The format itself writes what it is given; no sum of client 0's update holds such values, or such a weight.
        var deltas = new Deltas(2, 3, integerWeights: true);
        FixedPointPlan plan = deltas.Plan();
        FixedPointSum sum = deltas.Sum(plan, [0]);
        long[] values = sum.Values.ToArray();
        Assert.Equal(sum.Weight, Travelled(values, sum.Weight));
        Assert.Throws<InvalidDataException>(() => Travelled([.. values[..^1], long.MinValue], sum.Weight));
        Assert.Throws<InvalidDataException>(() => Travelled([.. values[..^1], long.MaxValue], sum.Weight));
        Assert.Throws<InvalidDataException>(() => Travelled(values, sum.Weight + 1));

        long Travelled(long[] sums, long weight)
        {
            using var stream = new MemoryStream();
            PartialSumFormat.Write(stream, plan, weight, [true, false], sums);
            stream.Position = 0;
            return PartialSumFormat.Read(stream, plan, new bool[2], new long[sums.Length]);
        }
    }

    private static byte[] Bytes(FixedPointSum sum)
    {
        using var stream = new MemoryStream();
        sum.Write(stream);
        return stream.ToArray();
    }

    // One of four machines' members, in an order of its own.
    private static IEnumerable<int> Members(int clients, ulong seed, int machine)
    {
        var random = new CounterRandom(seed, RandomPurpose.Partition);
        int[] own = [.. Enumerable.Range(0, clients).Where(i => random.Bits((ulong)i) % 4 == (uint)machine)];
        new CounterRandom(seed, RandomPurpose.Partition, client: machine, step: 1).Shuffle(own.AsSpan());
        return own;
    }

    private static Arbitrary<(int Clients, ulong Seed)> Cases() =>
        (from clients in Gen.Choose(1, 12) from seed in Gen.Choose(0, 100_000) select (clients, (ulong)seed)).ToArbitrary();
}
