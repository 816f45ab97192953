using FedLLM.Dashboard.Charts;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Dashboard.Tests.Charts;

public sealed class DownsamplingTests
{
    [Fact]
    public void Reduce_AnyLine_KeepsEveryColumnsExtremesAndInventsNothing()
    {
        var lines = from count in Gen.Choose(2, 400)
                    from values in Gen.Choose(-1000, 1000).Select(v => v == 0 ? double.NaN : v / 8.0).ArrayOf(count)
                    from columns in Gen.Choose(1, 20)
                    select (values, columns);
        Prop.ForAll(lines.ToArbitrary(), sample =>
        {
            (double[] values, int columns) = sample;
            double[] x = [.. Enumerable.Range(0, values.Length).Select(i => (double)i)];
            ChartSeries reduced = Downsampling.Reduce(new ChartSeries("a", "a", 1, x, values), columns);

            // A subset in order, first and last included.
            Assert.True(reduced.X.Zip(reduced.X.Skip(1)).All(p => p.First < p.Second));
            Assert.All(reduced.X.Zip(reduced.Y), p => Assert.Equal(values[(int)p.First], p.Second));
            Assert.Equal((x[0], x[^1]), (reduced.X[0], reduced.X[^1]));
            Assert.True(reduced.X.Length <= Math.Max(5 * columns, 4 * columns + 1));

            // The extremes of the whole, and a gap where there was one.
            double[] finite = [.. values.Where(double.IsFinite)];
            if (finite.Length > 0)
            {
                Assert.Equal(finite.Max(), reduced.Y.Where(double.IsFinite).Max());
                Assert.Equal(finite.Min(), reduced.Y.Where(double.IsFinite).Min());
            }

            Assert.Equal(values.Any(double.IsNaN), reduced.Y.Any(double.IsNaN));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Reduce_Band_CoversTheWholeColumns()
    {
        double[] x = [.. Enumerable.Range(0, 1000).Select(i => (double)i)];
        double[] high = [.. x.Select(_ => 1.0)];
        high[503] = 9;
        var series = new ChartSeries("a", "a", 1, x, [.. x.Select(_ => 0.5)]) { Low = [.. x.Select(_ => 0.0)], High = high };
        ChartSeries reduced = Downsampling.Reduce(series, 10);
        Assert.Equal(9, reduced.High!.Max());
        Assert.True(reduced.X.Length <= 40);
    }

    [Fact]
    public void Reduce_ShortLine_IsTheSame()
    {
        var series = new ChartSeries("a", "a", 1, [1, 2, 3], [1, 2, 3]);
        Assert.Same(series, Downsampling.Reduce(series, 1));
    }
}
