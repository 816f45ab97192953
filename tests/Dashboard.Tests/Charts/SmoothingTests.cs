using System.Text.Json;
using FedLLM.Dashboard.Charts;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Charts;

public sealed class SmoothingTests
{
    [Fact]
    public void Apply_GapBetweenValues_MeansTheValuesAndKeepsWhatWasMeasured()
    {
        var line = new ChartSeries("train", "Training", 1, [1, 2, 3, 4], [4, double.NaN, 2, 8]);
        var chart = new ChartData("loss", "Loss", ChartAxis.Round, ValueKind.Measure, [line, line with { Key = "held", Dots = true }]) { Jumps = true };
        IReadOnlyList<ChartSeries> both = Smoothing.Apply(chart, 0.5).Series;
        Assert.Equal(["train", "train_smooth", "held"], both.Select(s => s.Key));
        Assert.True(both[0].Faint);
        Assert.Equal(line.Y, both[0].Y);
        Assert.Equal([4, double.NaN, ((0.5 * 4) + 2) / 1.5, ((0.25 * 4) + (0.5 * 2) + 8) / 1.75], both[1].Y);
    }

    [Fact]
    public void Apply_LinesThatDoNotJump_AreLeft()
    {
        var chart = new ChartData("bytes", "Bytes", ChartAxis.Round, ValueKind.Bytes, [new ChartSeries("down", "Down", 1, [1, 2], [1, 2])]);
        Assert.Same(chart, Smoothing.Apply(chart, 0.9));
        ChartData jumping = chart with { Jumps = true };
        Assert.Same(jumping, Smoothing.Apply(jumping, 0));
    }

    [Theory]
    [InlineData(null, 0)]
    [InlineData("much", 0)]
    [InlineData("NaN", 0)]
    [InlineData("-1", 0)]
    [InlineData("0.6", 0.6)]
    [InlineData("1", 0.99)]
    [InlineData("Infinity", 0.99)]
    public void Of_Text_IsAWeightBelowOne(string? text, double expected) => Assert.Equal(expected, Smoothing.Of(text));

    [Fact]
    public async Task Page_Smoothed_HasBothLinesAndKeepsTheChoiceInItsAddresses()
    {
        using var run = new RunFiles();
        run.Append(RunFiles.Line(1, 4), RunFiles.Line(2, 2));
        await using Served served = await Served.Start(new FakeHost().Feed(run.Root));
        string page = await served.Text("/runs/run?smooth=0.9&x=tokens");
        Assert.Contains("Training, mean, smoothed", page, StringComparison.Ordinal);
        Assert.Contains("/runs/run?x=tokens&amp;smooth=0.6\"", page, StringComparison.Ordinal);
        Assert.Contains("/runs/run?smooth=0.9&amp;x=time\"", page, StringComparison.Ordinal);
        JsonElement smooth = (await served.Json("/api/runs/run/charts/loss?smooth=0.5")).GetProperty("series")[1];
        Assert.Equal([4, ((0.5 * 4) + 2) / 1.5], smooth.GetProperty("y").EnumerateArray().Select(y => y.GetDouble()));
        Assert.Contains("train_smooth", await served.Text("/runs/run/charts/loss?smooth=0.5"), StringComparison.Ordinal);
        Assert.DoesNotContain("smooth", await served.Text("/api/runs/run/charts/loss.csv?smooth=0.5"), StringComparison.Ordinal);
        Assert.Contains("smoothed", await served.Text("/compare?run=run&smooth=0.9"), StringComparison.Ordinal);
    }
}
