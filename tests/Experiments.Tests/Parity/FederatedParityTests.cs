using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Parity;

/// <summary>
/// Whole federated SFT runs against OpenFedLLM's loop (the <c>fed</c> fixtures): every client's losses within 1e-3 relative, every global adapter within 1e-4.
/// The learner and the federation are ours; batches, cohorts and learning rates are the reference's.
/// </summary>
public sealed class FederatedParityTests
{
    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        string? file = E2e();
        if (file is null)
        {
            data.Add("absent");
            return data;
        }

        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(file));
        foreach (JsonProperty entry in json.RootElement.GetProperty("cases").EnumerateObject())
        {
            if (entry.Value.GetProperty("kind").GetString() == "sft" && entry.Value.GetProperty("alg").GetString() == "fedavg")
            {
                data.Add(entry.Name);
            }
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Run_FedAvgSft_MatchesReference(string name)
    {
        string? file = E2e();
        Skip.If(file is null, "The federated reference fixtures (fed/e2e.json) are absent.");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(file!));
        using SafetensorsFile tensors = SafetensorsFile.Open(Path.ChangeExtension(file!, ".safetensors"));
        DecoderWeights weights = ModelDirectory.Load(
            Path.GetFullPath(json.RootElement.GetProperty("model").GetString()!, Path.GetDirectoryName(file!)!));
        var lora = new LoraConfig(8, 16, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
        TensorLayout layout = LoraLayout.For(weights.Config, lora);
        int[] counts = [.. json.RootElement.GetProperty("sample_counts").EnumerateArray().Select(e => e.GetInt32())];
        using var workers = new Workers(2);
        var trainer = SingleLane.Supervised(weights, lora, new AdamWSettings(), workers);
        var server = new FedAvg();
        TensorSet global = Read(tensors, "init.", layout);
        int round = 0;
        foreach (JsonElement expected in json.RootElement.GetProperty("cases").GetProperty(name).GetProperty("rounds").EnumerateArray())
        {
            var deltas = new List<(int Client, TensorSet Delta)>();
            foreach (int client in expected.GetProperty("clients").EnumerateArray().Select(e => e.GetInt32()))
            {
                JsonElement reference = expected.GetProperty("client").GetProperty($"{client}");
                trainer.Start(global);
                int step = 0;
                foreach (double loss in reference.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble()))
                {
                    TokenSequence[] batch = FixtureBatch.Read(tensors, $"sft.round{round}.client{client}.step{step++}.");
                    StepResult result = trainer.Step([batch], new StepSettings(reference.GetProperty("lr").GetDouble(), 1.0));
                    Assert.InRange(Math.Abs(result.Loss - loss) / loss, 0, 1e-3);
                }

                var delta = new TensorSet(layout);
                for (int i = 0; i < delta.Values.Length; i++)
                {
                    delta.Values[i] = trainer.Parameters.Values[i] - global.Values[i];
                }

                deltas.Add((client, delta));
            }

            var plan = new FixedPointPlan(layout, [.. deltas.Select(d => new Member(d.Client, counts[d.Client], TensorMagnitudes.Of(d.Delta)))]);
            var sum = new FixedPointSum(plan);
            foreach (var (client, delta) in deltas)
            {
                sum.Add(client, delta);
            }

            global = server.Step(round, global, new MeanUpdate(sum.Mean(), deltas.Count), new Dictionary<string, TensorSet>()).Adapter;
            TensorSet after = Read(tensors, $"{name}.round{round}.global_after.", layout);
            for (int i = 0; i < after.Values.Length; i++)
            {
                Assert.Equal(after.Values[i], global.Values[i], 1e-4f);
            }

            round++;
        }

        Assert.True(round > 0);
    }

    private static string? E2e()
    {
        string? file = SharedData.FixturesRoot is null ? null : Path.Combine(SharedData.FixturesRoot, "fed", "e2e.json");
        return File.Exists(file) ? file : null;
    }

    private static TensorSet Read(SafetensorsFile tensors, string prefix, TensorLayout layout)
    {
        var set = new TensorSet(layout);
        foreach (TensorSlot slot in layout.Slots)
        {
            tensors.ReadInto(prefix + slot.Name, set[slot]);
        }

        return set;
    }
}
