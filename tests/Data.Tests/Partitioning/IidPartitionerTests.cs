using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;
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
            IReadOnlyList<int[]> parts = IidPartitioner.Cut(s.rows, s.clients, 2023, "memory");
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
        Assert.Equal(expected, IidPartitioner.Cut(7, 3, 11, "memory"));
    }

    [Fact]
    public void Cut_OtherSeed_CutsOtherwise() => Assert.NotEqual(IidPartitioner.Cut(100, 5, 1, "memory")[0], IidPartitioner.Cut(100, 5, 2, "memory")[0]);

    [Fact]
    public void Cut_MoreClientsThanRows_NamesTheData()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => IidPartitioner.Cut(3, 4, 1, "d.json"));
        Assert.StartsWith("d.json: 3 records cannot give 4 clients one each", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => IidPartitioner.Cut(3, 0, 1, "d.json"));
    }
}
