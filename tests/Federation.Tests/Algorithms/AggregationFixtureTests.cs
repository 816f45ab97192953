using System.Text.Json;
using FedLLM.Engine.Files;
using FedLLM.Federation.Aggregation;
using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Algorithms;

/// <summary>OpenFedLLM's own aggregation, on random adapters and in whole runs.</summary>
public sealed class AggregationFixtureTests
{
    private const float Tolerance = 1e-6f;

    // Of c in whole runs: (w^t - w_i) / (steps · η) multiplies the rounding of the adapters, about 1e-8, by 125 to 500.
    private const float ControlTolerance = 1e-5f;

    public static TheoryData<string> Algorithms => ["fedavg", "fedprox", "fedavgm", "fedadagrad", "fedyogi", "fedadam", "scaffold"];

    [SkippableTheory]
    [MemberData(nameof(Algorithms))]
    public void Round_AggregationFixtures_AreMet(string algorithm)
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("agg.json")));
        double[] counts = Counts(fixture);
        int met = 0;
        foreach (JsonProperty entry in fixture.RootElement.GetProperty("cases").EnumerateObject())
        {
            string path = Path.Combine(Path.GetDirectoryName(FedFixtures.Require("agg.json"))!, $"agg_{entry.Name}.safetensors");
            if (entry.Value.GetProperty("alg").GetString() == algorithm && File.Exists(path))
            {
                int[][] cohorts = [.. entry.Value.GetProperty("clients_each_round").EnumerateArray().Select(Integers)];
                using SafetensorsFile file = SafetensorsFile.Open(path);
                var reference = new Reference(file, string.Empty, "global0", cohorts, counts);
                reference.Require(Optimizer(algorithm, entry.Value, counts.Length), (round, client, _, _) =>
                    reference.Has($"round{round}.delta_c{client}") ? reference.Read($"round{round}.delta_c{client}") : null);
                met++;
            }
        }

        Skip.If(met == 0, $"The fixtures hold no case of {algorithm}.");
    }

    // Here the control deltas are our own, from the clients' adapters.
    [SkippableTheory]
    [MemberData(nameof(Algorithms))]
    public void Round_EndToEndFixtures_AreMet(string algorithm)
    {
        using JsonDocument fixture = JsonDocument.Parse(File.ReadAllText(FedFixtures.Require("e2e.json")));
        using SafetensorsFile file = SafetensorsFile.Open(FedFixtures.Require("e2e.safetensors"));
        double[] counts = Counts(fixture);
        int steps = fixture.RootElement.GetProperty("max_steps").GetInt32();
        int met = 0;
        foreach (JsonProperty entry in fixture.RootElement.GetProperty("cases").EnumerateObject())
        {
            if (entry.Value.GetProperty("alg").GetString() == algorithm)
            {
                JsonElement rounds = entry.Value.GetProperty("rounds");
                int[][] cohorts = [.. rounds.EnumerateArray().Select(r => Integers(r.GetProperty("clients")))];
                var reference = new Reference(file, entry.Name + ".", "init", cohorts, counts);
                var own = new Dictionary<int, TensorSet>();
                reference.Require(Optimizer(algorithm, entry.Value.GetProperty("hp"), counts.Length), (round, client, delta, control) =>
                {
                    double rate = rounds[round].GetProperty("client").GetProperty($"{client}").GetProperty("lr").GetDouble();
                    TensorSet correction = ControlVariates.Correction(delta.Layout, control, own.GetValueOrDefault(client));
                    TensorSet next = ControlVariates.Next(delta, correction, steps * rate);
                    TensorSet change = ControlVariates.Correction(delta.Layout, next, own.GetValueOrDefault(client));
                    own[client] = next;
                    return change;
                });
                met++;
            }
        }

        Skip.If(met == 0, $"The fixtures hold no case of {algorithm}.");
    }

    private static IServerOptimizer Optimizer(string algorithm, JsonElement numbers, int clients)
    {
        double Number(string name) => numbers.GetProperty(name).GetDouble();
        var settings = new AdaptiveSettings
        {
            LearningRate = Number("fedopt_eta"),
            Tau = Number("fedopt_tau"),
            Beta1 = Number("fedopt_beta1"),
            Beta2 = Number("fedopt_beta2"),
        };
        return algorithm switch
        {
            "fedavg" => new FedAvg(),
            "fedprox" => new FedProx(Number("prox_mu")),
            "fedavgm" => new FedAvgM(Convention.OpenFedLlm, Number("fedopt_beta1")),
            "fedadagrad" => new FedAdagrad(Convention.OpenFedLlm, settings),
            "fedyogi" => new FedYogi(Convention.OpenFedLlm, settings),
            "fedadam" => new FedAdam(Convention.OpenFedLlm, settings),
            _ => new Scaffold(clients),
        };
    }

    private static double[] Counts(JsonDocument fixture) => [.. fixture.RootElement.GetProperty("sample_counts").EnumerateArray().Select(n => n.GetDouble())];

    private static int[] Integers(JsonElement list) => [.. list.EnumerateArray().Select(n => n.GetInt32())];

    private sealed class Reference(SafetensorsFile file, string prefix, string initial, int[][] cohorts, double[] counts)
    {
        public bool Has(string name) => file.Names.Any(n => n.StartsWith(prefix + name + ".", StringComparison.Ordinal));

        public TensorSet Read(string name) => FedFixtures.Read(file, prefix + name);

        // Every round starts from our own result of the last, so that errors would add up. The control delta comes from (round, client, delta, c).
        public void Require(IServerOptimizer optimizer, Func<int, int, TensorSet, TensorSet?, TensorSet?> controlDelta)
        {
            Assert.NotEmpty(cohorts);
            TensorSet adapter = FedFixtures.Read(file, initial);
            IReadOnlyDictionary<string, TensorSet> state = new Dictionary<string, TensorSet>();
            for (int round = 0; round < cohorts.Length; round++)
            {
                TensorSet[] deltas = [.. cohorts[round].Select(c => Difference(Read($"round{round}.client{c}"), adapter))];
                TensorSet? control = null;
                if (optimizer.Client.UsesControlVariates)
                {
                    TensorSet? known = state.GetValueOrDefault(Scaffold.ControlName);
                    control = Mean([.. cohorts[round].Select((c, i) => controlDelta(round, c, deltas[i], known)!)], cohorts[round], equal: true);
                }

                var mean = new MeanUpdate(Mean(deltas, cohorts[round], optimizer.Weighting == MemberWeighting.Equal), deltas.Length) { ControlDelta = control };
                ServerStep step = optimizer.Step(round, adapter, mean, state);
                (adapter, state) = (step.Adapter, step.State);
                RequireEqual(Read($"round{round}.global_after"), adapter, Tolerance);
                RequireState(round, "proxy_after", AdaptiveStep.FirstMoment, state);
                RequireState(round, "opt_proxy_after", AdaptiveStep.SecondMoment, state);
                RequireState(round, "global_c_after", Scaffold.ControlName, state);
            }
        }

        private TensorSet Mean(TensorSet[] deltas, int[] cohort, bool equal)
        {
            var sum = new FixedPointSum(new FixedPointPlan(
                deltas[0].Layout, deltas.Select((d, i) => new Member(cohort[i], equal ? 1 : counts[cohort[i]], TensorMagnitudes.Of(d)))));
            for (int i = deltas.Length - 1; i >= 0; i--)
            {
                sum.Add(cohort[i], deltas[i]);
            }

            return sum.Mean();
        }

        // What the fixture and the state both hold must agree; a state that ours keeps must be in an aggregation fixture.
        private void RequireState(int round, string name, string state, IReadOnlyDictionary<string, TensorSet> states)
        {
            if (Has($"round{round}.{name}") && states.TryGetValue(state, out TensorSet? tensors))
            {
                RequireEqual(Read($"round{round}.{name}"), tensors, state == Scaffold.ControlName && prefix.Length > 0 ? ControlTolerance : Tolerance);
            }
            else
            {
                Assert.True(prefix.Length > 0 || !states.ContainsKey(state), $"The fixture has no {name} to compare with.");
            }
        }

        private static void RequireEqual(TensorSet expected, TensorSet actual, float tolerance)
        {
            Assert.Equal(expected.Layout, actual.Layout);
            for (int i = 0; i < actual.Values.Length; i++)
            {
                Assert.Equal(expected.Values[i], actual.Values[i], tolerance);
            }
        }

        private static TensorSet Difference(TensorSet left, TensorSet right) => new(left.Layout, [.. left.Values.Zip(right.Values, (x, y) => x - y)]);
    }
}
