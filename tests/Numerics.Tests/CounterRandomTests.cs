using System.Runtime.Intrinsics;

namespace FedLLM.Numerics.Tests;

public sealed class CounterRandomTests
{
    // Random123's kat_vectors, philox4x32 with 10 rounds.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_KnownAnswers_Match(uint c0, uint c1, uint c2, uint c3, uint k0, uint k1, uint x0, uint x1, uint x2, uint x3) =>
        Assert.Equal((x0, x1, x2, x3), CounterRandom.Philox(c0, c1, c2, c3, k0, k1));

    [Fact]
    public void Uniform_ManyDraws_FillsSixteenBinsEvenly()
    {
        var random = new CounterRandom(2023, RandomPurpose.DataSampling, 3, 4, 5);
        const int Count = 160_000;
        int[] bins = new int[16];
        for (ulong i = 0; i < Count; i++)
        {
            float u = random.Uniform(i);
            Assert.InRange(u, 0f, 0.99999994f);
            bins[(int)(u * 16)]++;
        }

        // Chi-square with 15 degrees of freedom exceeds 44.3 once in ten thousand.
        double chiSquare = bins.Sum(b => Math.Pow(b - (Count / 16.0), 2) / (Count / 16.0));
        Assert.InRange(chiSquare, 0, 44.3);
    }

    [Fact]
    public void Bits_StreamsThatDifferInOnePart_ShareNoPrefix()
    {
        CounterRandom[] streams =
        [
            new(1, RandomPurpose.Dropout), new(2, RandomPurpose.Dropout), new(1, RandomPurpose.Partition), new(1, RandomPurpose.Dropout, 1),
            new(1, RandomPurpose.Dropout, 0, 1), new(1, RandomPurpose.Dropout, 0, 0, 1), new(1, RandomPurpose.Dropout, 1, 1), new(1, RandomPurpose.Dropout, 1, 0, 1),
        ];
        var seen = new HashSet<(uint, uint)>();
        foreach (CounterRandom stream in streams)
        {
            Assert.True(seen.Add((stream.Bits(0), stream.Bits(1))), "Two streams begin alike.");
        }
    }

    [Fact]
    public void Below_AnyBound_StaysBelowAndReachesAll()
    {
        var random = new CounterRandom(9, RandomPurpose.CohortSampling);
        ulong position = 0;
        foreach (uint bound in new uint[] { 1, 2, 3, 7, 20, 33 })
        {
            var seen = new HashSet<uint>();
            for (int i = 0; i < 1000; i++)
            {
                uint value = random.Below(bound, ref position);
                Assert.InRange(value, 0u, bound - 1);
                seen.Add(value);
            }

            Assert.Equal((int)bound, seen.Count);
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => random.Below(0, ref position));
    }

    [Fact]
    public void Shuffle_AnyLength_IsAPermutationAndRepeats()
    {
        for (int length = 0; length < 60; length++)
        {
            int[] items = [.. Enumerable.Range(0, length)];
            int[] again = (int[])items.Clone();
            new CounterRandom(4, RandomPurpose.DataSampling, length).Shuffle(items.AsSpan());
            new CounterRandom(4, RandomPurpose.DataSampling, length).Shuffle(again.AsSpan());
            Assert.Equal(again, items);
            Assert.Equal(Enumerable.Range(0, length), items.Order());
        }
    }

    [Fact]
    public void Shuffle_ThreeItems_ReachesAllOrdersEvenly()
    {
        var counts = new Dictionary<string, int>();
        for (int round = 0; round < 6000; round++)
        {
            int[] items = [1, 2, 3];
            new CounterRandom(4, RandomPurpose.DataSampling, round).Shuffle(items.AsSpan());
            string key = string.Concat(items);
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }

        Assert.Equal(6, counts.Count);
        Assert.All(counts.Values, c => Assert.InRange(c, 850, 1150));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12345)]
    [InlineData(0xFFFFFFFC)] // the counter's low word overflows into its high word
    public void EightBlocks_EveryLane_IsTheScalarDraw(ulong block)
    {
        var random = new CounterRandom(7, RandomPurpose.Dropout, 1, 2, 3);
        random.EightBlocks(block, out Vector512<uint> low, out Vector512<uint> high);
        for (int lane = 0; lane < 8; lane++)
        {
            ulong position = 4 * (block + (ulong)lane);
            Assert.Equal(random.Bits(position), low[lane]);
            Assert.Equal(random.Bits(position + 1), low[8 + lane]);
            Assert.Equal(random.Bits(position + 2), high[lane]);
            Assert.Equal(random.Bits(position + 3), high[8 + lane]);
        }
    }
}
