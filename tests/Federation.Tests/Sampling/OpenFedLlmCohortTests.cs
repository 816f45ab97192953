using System.Text.Json;
using FedLLM.Federation.Sampling;

namespace FedLLM.Federation.Tests.Sampling;

public sealed class OpenFedLlmCohortTests
{
    private readonly OpenFedLlmCohort _sampler = new();

    [Fact]
    public void Draw_TwoOfTwenty_GivesTheKnownCohorts()
    {
        int[][] expected = [[12, 13], [4, 18], [1, 2], [7, 18], [7, 9]];
        Assert.Equal(expected, Enumerable.Range(1, 5).Select(round => _sampler.Draw(2023, round, 20, 2)));
    }

    [Fact]
    public void Draw_FewerClientsThanAskedFor_TakesAll()
    {
        Assert.Equal([0, 1, 2], _sampler.Draw(0, 1, 3, 8));
    }

    [SkippableFact]
    public void Draw_FixtureTables_AreMet()
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("agg.json")));
        int tables = 0;
        foreach (JsonProperty table in fixture.RootElement.GetProperty("clients_this_round").EnumerateObject())
        {
            int[] numbers = [.. table.Name.Split('_').Select(int.Parse)];
            int round = 0;
            foreach (JsonElement cohort in table.Value.EnumerateArray())
            {
                Assert.Equal(cohort.EnumerateArray().Select(c => c.GetInt32()), _sampler.Draw(0, ++round, numbers[0], numbers[1]));
            }

            Assert.True(round > 0);
            tables++;
        }

        Assert.True(tables > 0);
    }
}
