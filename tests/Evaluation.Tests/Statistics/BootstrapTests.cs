using FedLLM.Evaluation.Statistics;

namespace FedLLM.Evaluation.Tests.Statistics;

public sealed class BootstrapTests
{
    [Fact]
    public void OfMean_EqualValues_IsThatValue() => Assert.Equal(new Interval(0.5, 0.5), Bootstrap.OfMean([0.5, 0.5, 0.5]));

    [Fact]
    public void OfMean_Proportion_IsTheNormalApproximationsInterval()
    {
        // 300 of 500: 0.6 with a standard error of sqrt(0.6 · 0.4 / 500) = 0.0219.
        double[] values = [.. Enumerable.Repeat(1.0, 300), .. Enumerable.Repeat(0.0, 200)];
        Interval interval = Bootstrap.OfMean(values);
        Assert.Equal(0.6 - (1.96 * 0.0219), interval.Low, 0.003);
        Assert.Equal(0.6 + (1.96 * 0.0219), interval.High, 0.003);
    }

    [Fact]
    public void OfMean_Again_IsTheSame() => Assert.Equal(Bootstrap.OfMean([0, 1, 1, 0.5]), Bootstrap.OfMean([0, 1, 1, 0.5]));

    [Fact]
    public void OfMean_Nothing_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => Bootstrap.OfMean([]));
}
