using System.Globalization;
using System.Text.Json;
using FedLLM.Federation.Schedules;

namespace FedLLM.Federation.Tests.Schedules;

public sealed class LearningRateTests
{
    [Fact]
    public void CosineByRound_KnownAngles_HasTheirValues()
    {
        // m = 1, η0 - m = 2, T = 6: cos(0) = 1, cos(π/3) = 1/2, cos(π/2) = 0, cos(π) = -1.
        var schedule = new CosineByRound(3, 1, 6);
        Assert.Equal(3, schedule.At(1), 1e-15);
        Assert.Equal(2.5, schedule.At(3), 1e-15);
        Assert.Equal(2, schedule.At(4), 1e-15);
        Assert.Equal(1, schedule.At(7), 1e-15);
        Assert.Equal(1, schedule.At(100), 1e-15);
    }

    [SkippableFact]
    public void CosineByRound_FixtureTables_AreMet()
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("agg.json")));
        int tables = 0;
        foreach (JsonProperty table in fixture.RootElement.GetProperty("cosine_lr").EnumerateObject())
        {
            // task_initial_min<floor>_rounds
            string[] parts = table.Name.Split('_');
            var schedule = new CosineByRound(
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
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineByRound(double.PositiveInfinity, 0, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineByRound(1, 2, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineByRound(1, double.NaN, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineByRound(1, 0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new CosineByRound(1, 0, 1).At(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new ConstantLearningRate(1).At(0));
    }
}
