using FedLLM.Data.Examples;
using FedLLM.Data.Partitioning;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class HeldOutSplitTests
{
    private const int Rows = 5000;
    private static readonly InstructionExample[] Examples = [.. Enumerable.Range(0, Rows).Select(i => new InstructionExample($"{i}", "R", null, default))];
    private static readonly RowPartition Whole = new("memory", Examples, [[.. Enumerable.Range(0, Rows)], [.. Enumerable.Range(0, Rows)]]);

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    public void Read_AnyShare_SplitsEveryExampleOnceAndAboutByTheShare(double share)
    {
        var split = new HeldOutSplit(Whole, share, seed: 1);
        Example[] held = [.. split.HeldOut.Read(0)];
        Assert.Equal(Examples.ToHashSet<Example>(), split.Read(0).Concat(held).ToHashSet());
        Assert.Equal(Rows, split.Read(0).Count() + held.Length);
        Assert.InRange(held.Length, (share - 0.03) * Rows, (share + 0.03) * Rows); // four standard deviations are 0.028
    }

    [Fact]
    public void ReadHeldOut_Again_IsTheSameAndAnotherClientOrSeedIsNot()
    {
        var split = new HeldOutSplit(Whole, 0.1, seed: 1);
        Assert.Equal(split.HeldOut.Read(0), new HeldOutSplit(Whole, 0.1, seed: 1).HeldOut.Read(0));
        Assert.NotEqual(split.HeldOut.Read(0), split.HeldOut.Read(1));
        Assert.NotEqual(split.HeldOut.Read(0), new HeldOutSplit(Whole, 0.1, seed: 2).HeldOut.Read(0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(double.NaN)]
    public void Constructor_ShareOutsideItsRange_IsRefused(double share) =>
        Assert.ThrowsAny<ArgumentOutOfRangeException>(() => new HeldOutSplit(Whole, share, seed: 1));
}
