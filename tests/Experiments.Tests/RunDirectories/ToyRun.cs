using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Schedules;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>A run on real files whose clients "train" by drawing numbers: every part of a run but the learner.</summary>
internal sealed class ToyRun(string folder, params string[] overrides)
{
    public static readonly ExperimentInputs Inputs = new("model", "data", "numerics");

    private static readonly TensorLayout Layout = new([("m.lora_A.weight", [2, 5]), ("m.lora_B.weight", [4, 2])]);

    public string Folder { get; } = folder;

    public RunPaths Paths { get; } = new(folder);

    public Experiment Experiment { get; } = ExperimentFile.Parse(
        Encoding.UTF8.GetBytes("""
            model: {path: base}
            data: {path: shards, partition: {clients: 5}}
            federation: {rounds: 4, clients_per_round: 3, quorum: 0.5}
            """), "toy.yaml", "/exp", overrides, "/exp");

    /// <summary>The server's half of the algorithm.</summary>
    public IServerOptimizer Optimizer { get; init; } = new Momentum();

    /// <summary>How factors combine.</summary>
    public ILoraAggregation Aggregation { get; init; } = new FedIt();

    /// <summary>How many clients trained, in all calls of <see cref="Run"/>.</summary>
    public int Trained { get; set; }

    /// <summary>What the last opening found damaged.</summary>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

    /// <summary>A run of a method: <c>momentum</c>, <c>fedadam</c> (server states), <c>scaffold</c>, <c>fedsa</c> (private states of two kinds) or <c>flora</c> (a base correction).</summary>
    public static ToyRun Of(string method, string folder, params string[] overrides) => method switch
    {
        "fedadam" => new ToyRun(folder, overrides) { Optimizer = new FedAdam(Convention.OpenFedLlm, FedAdam.Defaults(Convention.OpenFedLlm)) },
        "scaffold" => new ToyRun(folder, overrides) { Optimizer = new Scaffold(5) },
        "fedsa" => new ToyRun(folder, overrides) { Optimizer = new Scaffold(5), Aggregation = new FedSaLora() },
        "flora" => new ToyRun(folder, overrides) { Optimizer = new FedAvg(), Aggregation = new Flora(new LoraShapes(new LoraShape(2, 4)), 7) },
        _ => new ToyRun(folder, overrides),
    };

    public static TensorSet Tensors(uint seed)
    {
        var tensors = new TensorSet(Layout);
        var random = new CounterRandom(seed, RandomPurpose.LoraInitialization);
        for (int i = 0; i < Layout.Count; i++)
        {
            tensors.Values[i] = random.Uniform((ulong)i) - 0.5f;
        }

        return tensors;
    }

    /// <summary>Runs, or resumes, to the end, or to <paramref name="lastRound"/>; returns the final adapter's hash.</summary>
    public string Run(IRunFiles? files = null, int? lastRound = null)
    {
        using RunDirectory directory = RunDirectory.Open(Folder, Experiment, Inputs, files ?? UnsyncedFiles.Instance);
        Warnings = directory.Warnings;
        var settings = new RunSettings
        {
            RunId = directory.Identity,
            Rounds = lastRound ?? Experiment.Federation.Rounds,
            Clients = 5,
            ClientsPerRound = Experiment.Federation.CohortOf(5),
            Seed = 7,
            LearningRate = new ConstantLearningRate(0.1),
            Quorum = 0.5,
        };
        var loop = new RunLoop(
            settings, new UniformCohort(), Optimizer, new ToyFleet(this, directory), directory.Store, directory.Journal, new Evaluator(), aggregation: Aggregation);
        GlobalState state = loop.RunAsync(Tensors(1)).GetAwaiter().GetResult();
        return directory.Store.Put(state.Adapter);
    }

    /// <summary>m = 0.9 m + delta, w = w + m: an algorithm with a server state.</summary>
    private sealed class Momentum : IServerOptimizer
    {
        public string Name => "momentum";

        public MemberWeighting Weighting => MemberWeighting.Samples;

        public ServerStep Step(int t, TensorSet adapter, MeanUpdate mean, IReadOnlyDictionary<string, TensorSet> state)
        {
            TensorSet momentum = state.TryGetValue("m", out TensorSet? old) ? old.Clone() : new TensorSet(adapter.Layout);
            TensorSet next = adapter.Clone();
            for (int i = 0; i < next.Values.Length; i++)
            {
                momentum.Values[i] = (0.9f * momentum.Values[i]) + mean.Delta.Values[i];
                next.Values[i] += momentum.Values[i];
            }

            return new ServerStep(next, new Dictionary<string, TensorSet> { ["m"] = momentum });
        }
    }

    private sealed class Evaluator : IRoundEvaluator
    {
        public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken) =>
            Task.FromResult<IReadOnlyDictionary<string, double>>(new Dictionary<string, double> { ["loss"] = Math.Abs((double)state.Adapter.Values[0]) });
    }
}
