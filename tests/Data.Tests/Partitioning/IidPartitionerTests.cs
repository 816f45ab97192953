using FedLLM.Data.Partitioning;
using FedLLM.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class IidPartitionerTests
{
    [Fact]
    public void Cut_AnySizes_LosesAndDoublesNothing()
    {
        var sizes = from rows in Gen.Choose(1, 300) from clients in Gen.Choose(1, rows) select (rows, clients);
        Prop.ForAll(sizes.ToArbitrary(), s =>
        {
            IReadOnlyList<int[]> parts = IidPartitioner.Cut(s.rows, s.clients, 2023);
            Assert.Equal(s.clients, parts.Count);
            Assert.Equal(Enumerable.Range(0, s.rows), parts.SelectMany(p => p).Order());
            Assert.InRange(parts.Max(p => p.Length) - parts.Min(p => p.Length), 0, 1);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Cut_Clients_TakeStridesOfTheShuffledRows()
    {
        int[] order = [0, 1, 2, 3, 4, 5, 6];
        new CounterRandom(11, RandomPurpose.Partition).Shuffle(order.AsSpan());
        int[][] expected = [[order[0], order[3], order[6]], [order[1], order[4]], [order[2], order[5]]];
        Assert.Equal(expected, IidPartitioner.Cut(7, 3, 11));
    }

    [Fact]
    public void Cut_OtherSeed_CutsOtherwise() => Assert.NotEqual(IidPartitioner.Cut(100, 5, 1)[0], IidPartitioner.Cut(100, 5, 2)[0]);

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Cut_NoClientOrMoreThanRows_Throws(int clients) => Assert.Throws<ArgumentOutOfRangeException>(() => IidPartitioner.Cut(3, clients, 1));
}
