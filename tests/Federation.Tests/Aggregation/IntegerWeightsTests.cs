using FedLLM.Federation.Aggregation;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Federation.Tests.Aggregation;

public sealed class IntegerWeightsTests
{
    [Fact]
    public void Quantize_IntegersThatFit_StayAsTheyAre()
    {
        Assert.Equal([100, 250, 1, 16777215], IntegerWeights.Quantize([100, 250, 1, 16777215]));
    }

    [Fact]
    public void Quantize_DyadicRatios_StayExact()
    {
        // The greatest, 1.5, becomes 1.5 · 2^23; all others keep their ratio to it.
        Assert.Equal([3 << 22, 1 << 22, 1 << 20], IntegerWeights.Quantize([1.5, 0.5, 0.125]));
    }

    [Fact]
    public void Quantize_IntegersAbove24Bits_AreScaledDown()
    {
        // 2^24 + 2 lies in [2^24, 2^25), so the factor is 1/2: 8388609 exactly, and 3/2 rounds to the even 2.
        Assert.Equal([8388609, 2], IntegerWeights.Quantize([16777218, 3]));
    }

    [Fact]
    public void Quantize_GreatestRoundingTo25Bits_IsHalvedOnceMore()
    {
        // 16777215.75 would round to 2^24; halved it is 8388607.875, which rounds to 2^23.
        Assert.Equal([1 << 23], IntegerWeights.Quantize([16777215.75]));
    }

    [Fact]
    public void Quantize_FarSmallerWeights_StillCount()
    {
        Assert.Equal([1 << 23, 1], IntegerWeights.Quantize([Math.ScaleB(1, 1000), 1e-300]));
    }

    [Fact]
    public void Quantize_SubnormalWeights_KeepTheirRatio()
    {
        Assert.Equal([3 << 22, 1 << 23], IntegerWeights.Quantize([1.5 * Math.ScaleB(1, -1040), Math.ScaleB(1, -1040)]));
    }

    [Fact]
    public void Quantize_AnyWeights_AreWithinOnePartIn2To24OfTheGreatest()
    {
        Prop.ForAll(Positive(), weights =>
        {
            int[] integers = IntegerWeights.Quantize(weights);
            double greatest = weights.Max();
            double scale = integers[Array.IndexOf(weights, greatest)] / greatest;
            return integers.All(w => w is >= 1 and <= IntegerWeights.Largest)
                && weights.Zip(integers).All(p => Math.Abs((p.Second / scale) - p.First) <= greatest * Math.ScaleB(1.001, -23));
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(-1.0)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Quantize_WeightThatIsNoWeight_IsRefused(double weight)
    {
        Assert.Throws<ArgumentException>(() => IntegerWeights.Quantize([1, weight]));
    }

    [Fact]
    public void Quantize_Nothing_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => IntegerWeights.Quantize([]));
    }

    private static Arbitrary<double[]> Positive() => Gen.Choose(1, int.MaxValue).Select(n => n * 0.37).NonEmptyListOf().Select(l => l.ToArray()).ToArbitrary();
}
