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
/// Whole federated runs of every algorithm, SFT and DPO, against OpenFedLLM's loop (the <c>fed</c> fixtures): every client's losses within 1e-3 relative, every
/// global adapter within 1e-4. The learner and the federation are ours; batches, cohorts and learning rates are the reference's.
/// </summary>
public sealed class FederatedParityTests
{
    private const double DpoBeta = 0.1;

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
            data.Add(entry.Name);
        }

        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Run_EveryAlgorithmAndTask_MatchesReference(string name)
    {
        string? file = E2e();
        Skip.If(file is null, "The federated reference fixtures (fed/e2e.json) are absent.");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllText(file!));
        using SafetensorsFile tensors = SafetensorsFile.Open(Path.ChangeExtension(file!, ".safetensors"));
        using var workers = new Workers(2);
        DecoderWeights weights = ModelDirectory.Load(
            Path.GetFullPath(json.RootElement.GetProperty("model").GetString()!, Path.GetDirectoryName(file!)!));
        var lora = new LoraConfig(8, 16, 0, new HashSet<LinearKind> { LinearKind.Query, LinearKind.Value });
        JsonElement reference = json.RootElement.GetProperty("cases").GetProperty(name);
        int[] counts = [.. json.RootElement.GetProperty("sample_counts").EnumerateArray().Select(e => e.GetInt32())];
        if (reference.GetProperty("kind").GetString() == "sft")
        {
            var trainer = new SingleLane<TokenSequence>(weights, lora, new AdamWSettings(), new NextTokenObjective(), workers);
            Run(name, reference, tensors, counts, LoraLayout.For(weights.Config, lora), trainer, prefix => FixtureBatch.Read(tensors, "sft." + prefix));
        }
        else
        {
            var objective = new PreferenceObjective(PreferenceLossKind.Sigmoid, DpoBeta);
            var trainer = new SingleLane<ReferencedPair>(weights, lora, new AdamWSettings(), objective, workers);
            var initial = new LanguageModel(weights, null, workers);
            Run(name, reference, tensors, counts, LoraLayout.For(weights.Config, lora), trainer, prefix =>
            {
                PreferencePair[] pairs = FixtureBatch.ReadPairs(tensors, "dpo." + prefix);
                return [.. pairs.Zip(initial.Score(pairs), (pair, score) => new ReferencedPair(pair, score.Chosen, score.Rejected))];
            });
        }
    }

    private static void Run<TSample>(
        string name, JsonElement reference, SafetensorsFile tensors, int[] counts, TensorLayout layout, SingleLane<TSample> trainer, Func<string, TSample[]> batch)
    {
        IServerOptimizer server = Server(reference, counts.Length);
        var own = new TensorSet?[counts.Length];
        IReadOnlyDictionary<string, TensorSet> state = new Dictionary<string, TensorSet>();
        TensorSet global = Read(tensors, "init.", layout);
        int round = 0;
        foreach (JsonElement expected in reference.GetProperty("rounds").EnumerateArray())
        {
            var deltas = new List<(int Client, TensorSet Delta)>();
            var changes = new List<(int Client, TensorSet Change)>();
            foreach (int client in expected.GetProperty("clients").EnumerateArray().Select(e => e.GetInt32()))
            {
                JsonElement told = expected.GetProperty("client").GetProperty($"{client}");
                double learningRate = told.GetProperty("lr").GetDouble();
                TensorSet? correction = server.Client.UsesControlVariates
                    ? ControlVariates.Correction(layout, state.GetValueOrDefault(Scaffold.ControlName), own[client])
                    : null;
                trainer.Start(global, new LaneTerms { ProximalMu = server.Client.ProximalMu });
                int step = 0;
                foreach (double loss in told.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble()))
                {
                    StepResult result = trainer.Step([batch($"round{round}.client{client}.step{step++}.")], new StepSettings(learningRate, 1.0));
                    Assert.InRange(Math.Abs(result.Loss - loss) / loss, 0, 1e-3);
                    if (correction is not null)
                    {
                        ControlVariates.Apply(trainer.Parameters.Values, correction, learningRate);
                    }
                }

                var delta = new TensorSet(layout);
                for (int i = 0; i < delta.Values.Length; i++)
                {
                    delta.Values[i] = trainer.Parameters.Values[i] - global.Values[i];
                }

                deltas.Add((client, delta));
                if (correction is not null)
                {
                    TensorSet next = ControlVariates.Next(delta, correction, step * learningRate);
                    changes.Add((client, ControlVariates.Correction(layout, next, own[client])));
                    own[client] = next;
                }
            }

            TensorSet mean = Mean(layout, deltas, client => server.Weighting == MemberWeighting.Equal ? 1 : counts[client]);
            TensorSet? control = changes.Count == 0 ? null : Mean(layout, changes, _ => 1);
            (global, state) = server.Step(round, global, new MeanUpdate(mean, deltas.Count) { ControlDelta = control }, state);
            RequireClose(Read(tensors, $"{name}.round{round}.global_after.", layout), global, 1e-4f);
            round++;
        }

        Assert.True(round > 0);
    }

    private static IServerOptimizer Server(JsonElement reference, int clients)
    {
        double Number(string key) => reference.GetProperty("hp").GetProperty(key).GetDouble();
        AdaptiveSettings adaptive = new()
        {
            LearningRate = Number("fedopt_eta"),
            Tau = Number("fedopt_tau"),
            Beta1 = Number("fedopt_beta1"),
            Beta2 = Number("fedopt_beta2"),
        };
        return reference.GetProperty("alg").GetString() switch
        {
            "fedavg" => new FedAvg(),
            "fedprox" => new FedProx(Number("prox_mu")),
            "fedavgm" => new FedAvgM(Convention.OpenFedLlm, Number("fedopt_beta1")),
            "fedadagrad" => new FedAdagrad(Convention.OpenFedLlm, adaptive),
            "fedyogi" => new FedYogi(Convention.OpenFedLlm, adaptive),
            "fedadam" => new FedAdam(Convention.OpenFedLlm, adaptive),
            "scaffold" => new Scaffold(clients),
            var other => throw new InvalidDataException($"The fixture's algorithm {other} is not known."),
        };
    }

    private static TensorSet Mean(TensorLayout layout, IReadOnlyList<(int Client, TensorSet Tensors)> members, Func<int, double> weight)
    {
        var sum = new FixedPointSum(new FixedPointPlan(layout, [.. members.Select(m => new Member(m.Client, weight(m.Client), TensorMagnitudes.Of(m.Tensors)))]));
        foreach ((int client, TensorSet tensors) in members)
        {
            sum.Add(client, tensors);
        }

        return sum.Mean();
    }

    private static void RequireClose(TensorSet expected, TensorSet actual, float tolerance)
    {
        for (int i = 0; i < expected.Values.Length; i++)
        {
            Assert.Equal(expected.Values[i], actual.Values[i], tolerance);
        }
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
