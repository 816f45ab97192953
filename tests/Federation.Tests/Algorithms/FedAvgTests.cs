using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Algorithms;

public sealed class FedAvgTests
{
    private const float Tolerance = 1e-6f;

    private static readonly IReadOnlyDictionary<string, TensorSet> NoState = new Dictionary<string, TensorSet>();

    [Fact]
    public void Step_FromAnAdapter_AddsTheMeanDeltaAndKeepsItsArguments()
    {
        var layout = new TensorLayout([("w", [2])]);
        var adapter = new TensorSet(layout, [1f, -2f]);
        var delta = new TensorSet(layout, [0.5f, 0.25f]);
        ServerStep step = new FedAvg().Step(3, adapter, delta, NoState);
        Assert.Equal([1.5f, -1.75f], step.Adapter.Values);
        Assert.Empty(step.State);
        Assert.Equal([1f, -2f], adapter.Values);
        Assert.Equal([0.5f, 0.25f], delta.Values);
    }

    // FedProx differs from FedAvg only at the client: its aggregation must be met as well.
    [SkippableTheory]
    [InlineData("fedavg")]
    [InlineData("fedprox")]
    public void Round_AggregationFixtures_AreMet(string algorithm)
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("agg.json")));
        double[] counts = [.. fixture.RootElement.GetProperty("sample_counts").EnumerateArray().Select(n => n.GetDouble())];
        int met = 0;
        foreach (JsonProperty entry in fixture.RootElement.GetProperty("cases").EnumerateObject())
        {
            string path = Path.Combine(Path.GetDirectoryName(FedFixtures.Require("agg.json"))!, $"agg_{entry.Name}.safetensors");
            if (entry.Value.GetProperty("alg").GetString() == algorithm && File.Exists(path))
            {
                int[][] cohorts = [.. entry.Value.GetProperty("clients_each_round").EnumerateArray().Select(Integers)];
                using SafetensorsFile file = SafetensorsFile.Open(path);
                RequireRounds(file, "global0", "", cohorts, counts);
                met++;
            }
        }

        Skip.If(met == 0, $"The fixtures hold no case of {algorithm}.");
    }

    [SkippableTheory]
    [InlineData("fedavg")]
    [InlineData("fedprox")]
    public void Round_EndToEndFixtures_AreMet(string algorithm)
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("e2e.json")));
        using SafetensorsFile file = SafetensorsFile.Open(FedFixtures.Require("e2e.safetensors"));
        double[] counts = [.. fixture.RootElement.GetProperty("sample_counts").EnumerateArray().Select(n => n.GetDouble())];
        int met = 0;
        foreach (JsonProperty entry in fixture.RootElement.GetProperty("cases").EnumerateObject())
        {
            if (entry.Value.GetProperty("alg").GetString() == algorithm)
            {
                int[][] cohorts = [.. entry.Value.GetProperty("rounds").EnumerateArray().Select(r => Integers(r.GetProperty("clients")))];
                RequireRounds(file, "init", entry.Name + ".", cohorts, counts);
                met++;
            }
        }

        Skip.If(met == 0, $"The fixtures hold no case of {algorithm}.");
    }

    // Every round starts from our own result of the last, so that errors would add up.
    private static void RequireRounds(SafetensorsFile file, string initial, string prefix, int[][] cohorts, double[] counts)
    {
        Assert.NotEmpty(cohorts);
        TensorSet adapter = FedFixtures.Read(file, initial);
        for (int round = 0; round < cohorts.Length; round++)
        {
            TensorSet[] deltas = [.. cohorts[round].Select(c => Difference(FedFixtures.Read(file, $"{prefix}round{round}.client{c}"), adapter))];
            var plan = new FixedPointPlan(adapter.Layout, deltas.Select((d, i) =>
                new Member(cohorts[round][i], counts[cohorts[round][i]], TensorMagnitudes.Of(d))));
            var sum = new FixedPointSum(plan);
            for (int i = deltas.Length - 1; i >= 0; i--)
            {
                sum.Add(cohorts[round][i], deltas[i]);
            }

            adapter = new FedAvg().Step(round, adapter, sum.Mean(), NoState).Adapter;
            TensorSet expected = FedFixtures.Read(file, $"{prefix}round{round}.global_after");
            Assert.Equal(expected.Layout, adapter.Layout);
            for (int i = 0; i < adapter.Values.Length; i++)
            {
                Assert.Equal(expected.Values[i], adapter.Values[i], Tolerance);
            }
        }
    }

    private static TensorSet Difference(TensorSet left, TensorSet right) =>
        new(left.Layout, [.. left.Values.Zip(right.Values, (x, y) => x - y)]);

    private static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(n => n.GetInt32())];
}
