using System.Globalization;
using System.Text.Json;
using FedLLM.Federation.Schedules;

namespace FedLLM.Federation.Tests.Schedules;

public sealed class LearningRateTests
{
    [Fact]
    public void Cosine_KnownAngles_HasTheirValues()
    {
        // m = 1, η0 - m = 2, T = 6: cos(0) = 1, cos(π/3) = 1/2, cos(π/2) = 0, cos(π) = -1.
        var schedule = Cosine(3, 1, 6);
        Assert.Equal(3, schedule.At(1), 1e-15);
        Assert.Equal(2.5, schedule.At(3), 1e-15);
        Assert.Equal(2, schedule.At(4), 1e-15);
        Assert.Equal(1, schedule.At(7), 1e-15);
        Assert.Equal(1, schedule.At(100), 1e-15);
    }

    [SkippableFact]
    public void Cosine_FixtureTables_AreMet()
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("agg.json")));
        int tables = 0;
        foreach (JsonProperty table in fixture.RootElement.GetProperty("cosine_lr").EnumerateObject())
        {
            // task_initial_min<floor>_rounds
            string[] parts = table.Name.Split('_');
            var schedule = Cosine(
                double.Parse(parts[1], CultureInfo.InvariantCulture),
                double.Parse(parts[2]["min".Length..], CultureInfo.InvariantCulture),
                int.Parse(parts[3], CultureInfo.InvariantCulture));
            int round = 0;
            foreach (JsonElement expected in table.Value.EnumerateArray())
            {
                double value = expected.GetDouble();
                Assert.Equal(value, schedule.At(++round), value * 1e-14);
            }

            Assert.True(round > 0);
            tables++;
        }

        Assert.True(tables > 0);
    }

    [Fact]
    public void ConstantLearningRate_AnyRound_IsTheSame()
    {
        Assert.Equal(2e-5, new ConstantLearningRate(2e-5).At(1));
        Assert.Equal(2e-5, new ConstantLearningRate(2e-5).At(500));
    }

    [Fact]
    public void Schedules_NumbersOutOfRange_AreRefused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConstantLearningRate(double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConstantLearningRate(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cosine(double.PositiveInfinity, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cosine(1, 2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cosine(1, double.NaN, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cosine(1, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => Cosine(1, 0, 1).At(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConstantLearningRate(1).At(0));
    }

    [Fact]
    public void Linear_WithWarmup_RisesAndFallsInStraightLines()
    {
        // η0 = 4, m = 1, T = 5, W = 2: 4·1/3, 4·2/3, then 1 + 3·(1, 2/3, 1/3), then the floor.
        var curve = new DecayCurve(DecayShape.Linear, 4, 1, 5, 2);
        double[] expected = [4.0 / 3, 8.0 / 3, 4, 3, 2, 1, 1];
        for (int t = 0; t < expected.Length; t++)
        {
            Assert.Equal(expected[t], curve.At(t), 1e-15);
        }
    }

    [Fact]
    public void Cosine_WithWarmup_IsTheShorterCosine()
    {
        var curve = new DecayCurve(DecayShape.Cosine, 3, 1, 8, 2);
        var rest = new DecayCurve(DecayShape.Cosine, 3, 1, 6);
        Assert.Equal(1, curve.At(0), 1e-15);
        Assert.Equal(2, curve.At(1), 1e-15);
        for (int t = 0; t < 9; t++)
        {
            Assert.Equal(rest.At(t), curve.At(t + 2));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => new DecayCurve(DecayShape.Cosine, 3, 1, 2, 2));
    }

    private static DecayByRound Cosine(double initial, double floor, int rounds) => new(new DecayCurve(DecayShape.Cosine, initial, floor, rounds));
}
