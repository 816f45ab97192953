using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Dashboard.Summaries;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Charts;

public sealed class ChartTests
{
    [Fact]
    public void Of_RunOfThreeRounds_HasTheirValuesOnEveryAxis()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3), RunFiles.Line(2, 2, 2.5));
        RunView view = new FakeHost().Feed(run.Root).Find("run")!;

        ChartSeries[] loss = [.. RunCharts.Find(view, "loss", ChartAxis.Round)!.Series];
        Assert.Equal([double.NaN, 3, 2], loss[0].Y);
        Assert.Equal([double.NaN, 3.5, 2.5], loss[0].High!);
        Assert.Equal([double.NaN, 2.5, 1.5], loss[0].Low!);
        Assert.Equal([4, double.NaN, 2.5], loss[1].Y);

        // A round processes 150 tokens, moves 4000 bytes and takes 2.5 s; the evaluation before round 1 takes 1 s.
        Assert.Equal([0, 1, 2], Places(ChartAxis.Round));
        Assert.Equal([0, 150, 300], Places(ChartAxis.Tokens));
        Assert.Equal([0, 4000, 8000], Places(ChartAxis.Bytes));
        Assert.Equal([1, 3.5, 6], Places(ChartAxis.Time));
        Assert.Equal([double.NaN, 75, 75], RunCharts.Find(view, "tokens_per_second", ChartAxis.Round)!.Series[0].Y);

        double[] Places(ChartAxis axis) => RunCharts.Find(view, "loss", axis)!.Series[0].X;
    }

    [Fact]
    public void Bytes_WithBudget_HaveItsBound()
    {
        using var run = new RunFiles(experiment: "");
        File.WriteAllText(run["experiment.yaml"], "name: a\nfederation:\n  rounds: 2\n  budget_mb: 2\n");
        run.Append(RunFiles.Line(1, 3), RunFiles.Line(2, 2));
        ChartData bytes = RunCharts.Find(new FakeHost().Feed(run.Root).Find("run")!, "bytes", ChartAxis.Round)!;
        ChartSeries budget = Assert.Single(bytes.Series, s => s.Bound);
        Assert.All(budget.Y, y => Assert.Equal(2 * 1024 * 1024, y));
        Assert.Equal([2000, 4000], bytes.Series.Single(s => s.Key == "down").Y);
    }

    [Fact]
    public void Csv_LinesOnDifferentPlaces_ShareRowsAndLeaveGapsEmpty()
    {
        var chart = new ChartData(
            "c", "C", ChartAxis.Round, ValueKind.Measure,
            [
                new ChartSeries("a", "A", 1, [1, 2], [0.1, double.NaN]) { Low = [0, 0], High = [1, 1] },
                new ChartSeries("b,\"x\"", "B", 2, [2, 3], [1e-9, 5]),
            ]);
        Assert.Equal(
            "round,a,a_low,a_high,\"b,\"\"x\"\"\"\r\n1,0.1,0,1,\r\n2,,0,1,1E-09\r\n3,,,,5\r\n",
            ChartCsv.Write(chart));
    }

    [Theory]
    [InlineData("=1+1", "'=1+1")]
    [InlineData("a\nb", "\"a\nb\"")]
    [InlineData("plain", "plain")]
    public void CsvField_Text_IsOneHarmlessField(string text, string field) => Assert.Equal(field, ChartCsv.Field(text));

    [Theory]
    [InlineData(0, 32, ValueKind.Count, new double[] { 0, 10, 20, 30 })]
    [InlineData(0, 3, ValueKind.Count, new double[] { 0, 1, 2, 3 })]
    [InlineData(0.5, 1.9, ValueKind.Measure, new double[] { 0.5, 1, 1.5 })]
    [InlineData(0, 4 * 1048576, ValueKind.Bytes, new double[] { 0, 1048576, 2097152, 3145728, 4194304 })]
    [InlineData(0, 110, ValueKind.Seconds, new double[] { 0, 30, 60, 90 })]
    public void Ticks_OfARange_AreRoundInTheirUnit(double low, double high, ValueKind kind, double[] expected) =>
        Assert.Equal(expected, Ticks.Between(low, high, 4, kind).Select(t => Math.Round(t, 9)));

    [Fact]
    public void Ticks_EndsThatDifferInTheirLastBits_AreOneOrFew()
    {
        // As the mean losses of preference pairs, which are ln 2 for every client at the first step.
        double low = Math.Log(2);
        double high = low;
        for (int i = 0; i < 70; i++)
        {
            high = Math.BitIncrement(high);
            Assert.InRange(Ticks.Between(low, high, 4, ValueKind.Measure).Count, 0, 8);
            Assert.InRange(Ticks.Between(-high, -low, 4, ValueKind.Measure).Count, 0, 8);
        }
    }

    [Fact]
    public void State_PartOfX_KeepsOnePointBeyondEachEnd()
    {
        var series = new ChartSeries("a", "a", 1, [1, 2, 3, 4, 5], [1, 2, 3, 4, 5]);
        Assert.Equal([1, 2, 3, 4], ChartState.Of("1.5", "3.5", null).Apply([series]).Single().X);
        Assert.Empty(ChartState.Of(null, null, "b,a").Apply([series]));
        Assert.Empty(ChartState.Of("9", "10", null).Apply([series]).Single().X);
        Assert.Equal(5, ChartState.Of("NaN", "x", null).Apply([series]).Single().X.Length);
    }

    [Fact]
    public void Geometry_StackedLines_AddUp()
    {
        var chart = new ChartData(
            "c", "C", ChartAxis.Round, ValueKind.Seconds,
            [new ChartSeries("a", "a", 1, [0, 1], [1, 2]), new ChartSeries("b", "b", 2, [0, 1], [3, 4])])
        {
            Stacked = true,
        };
        var geometry = new ChartGeometry(chart, ChartState.Whole, 100);
        Assert.Equal([4, 6], geometry.Series[1].Y);
        Assert.Equal([1, 2], geometry.Series[1].Low!);
        Assert.Equal(0, geometry.Low);
        Assert.Equal(1000, geometry.PlaceY(0));
    }

    [Fact]
    public void Geometry_Gap_LiftsThePen()
    {
        var chart = new ChartData("c", "C", ChartAxis.Round, ValueKind.Measure, [new ChartSeries("a", "a", 1, [0, 1, 2, 3], [0, 1, double.NaN, 1])]);
        var geometry = new ChartGeometry(chart, ChartState.Whole, 100);
        Assert.Equal(2, geometry.Line(geometry.Series[0]).Count(c => c == 'M'));
    }

    [Fact]
    public void Geometry_PointBetweenGaps_IsADot()
    {
        var chart = new ChartData("c", "C", ChartAxis.Round, ValueKind.Measure, [new ChartSeries("a", "a", 1, [0, 1, 2, 3, 4], [double.NaN, 2, double.NaN, 1, 2])]);
        var geometry = new ChartGeometry(chart, ChartState.Whole, 100);
        Assert.StartsWith("M250 ", geometry.Dots(geometry.Series[0]), StringComparison.Ordinal);
        Assert.Single(geometry.Dots(geometry.Series[0]), c => c == 'h');
    }

    [Fact]
    public void Geometry_StackWithoutAnyValue_IsAGap()
    {
        var chart = new ChartData(
            "c", "C", ChartAxis.Round, ValueKind.Seconds,
            [new ChartSeries("a", "a", 1, [0, 1, 2], [double.NaN, 1, 2]), new ChartSeries("b", "b", 2, [0, 1, 2], [double.NaN, double.NaN, 3])])
        {
            Stacked = true,
        };
        Assert.Equal([double.NaN, 1, 5], new ChartGeometry(chart, ChartState.Whole, 100).Series[1].Y);
    }

    [Theory]
    [InlineData(20_000, ValueKind.Count, 120_000, "20 k")]
    [InlineData(120_000, ValueKind.Count, 120_000, "120 k")]
    [InlineData(1_000, ValueKind.Count, 1_000, "1,000")]
    [InlineData(32L << 30, ValueKind.Bytes, 96L << 30, "32 GiB")]
    [InlineData(30, ValueKind.Seconds, 300, "0.5 min")]
    [InlineData(0, ValueKind.Seconds, 300, "0")]
    public void Tick_OnAnAxis_HasTheAxissUnit(double value, ValueKind kind, double largest, string expected) => Assert.Equal(expected, Figures.Tick(value, kind, largest));

    [Fact]
    public void Comparison_TwoRuns_AreLinesOfOneChart()
    {
        using var one = new RunFiles("one");
        using var two = new RunFiles("two");
        one.Append(RunFiles.Line(1, 3));
        two.Append(RunFiles.Line(1, 2), RunFiles.Line(2, 1));
        RunDirectoryFeed feed = new FakeHost().Feed(one.Root, two.Root);
        ChartData chart = ComparisonCharts.Find(feed.Runs(), "train_loss", ChartAxis.Tokens)!;
        Assert.Equal(["one", "two"], chart.Series.Select(s => s.Key));
        Assert.Equal([150, 300], chart.Series[1].X);
        Assert.Equal([2, 1], chart.Series[1].Y);
    }
}
