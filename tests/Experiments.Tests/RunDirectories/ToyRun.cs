using System.Runtime.CompilerServices;
using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Schedules;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Tests.RunDirectories;

/// <summary>A run on real files whose clients "train" by drawing numbers: every part of a run but the learner.</summary>
internal sealed class ToyRun(string folder, params string[] overrides)
{
    public static readonly ExperimentInputs Inputs = new("model", "data", "numerics");

    private static readonly TensorLayout Layout = new([("b", [5]), ("a", [4, 3])]);

    public string Folder { get; } = folder;

    public RunPaths Paths { get; } = new(folder);

    public Experiment Experiment { get; } = ExperimentFile.Parse(
        Encoding.UTF8.GetBytes("""
            model: {path: base}
            data: {path: shards, partition: {clients: 5}}
            federation: {rounds: 4, clients_per_round: 3, quorum: 0.5}
            """), "toy.yaml", "/exp", overrides, "/exp");

    /// <summary>How many clients trained, in all calls of <see cref="Run"/>.</summary>
    public int Trained { get; private set; }

    /// <summary>What the last opening found damaged.</summary>
    public IReadOnlyList<string> Warnings { get; private set; } = [];

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
        var loop = new RunLoop(settings, new UniformCohort(), new Momentum(), new Fleet(this, directory), directory.Store, directory.Journal, new Evaluator());
        GlobalState state = loop.RunAsync(Tensors(1)).GetAwaiter().GetResult();
        return directory.Store.Put(state.Adapter);
    }

    private sealed class Fleet(ToyRun run, RunDirectory directory) : IClientFleet
    {
        public async IAsyncEnumerable<ClientOutcome> TrainAsync(
            RoundInstruction instruction, IReadOnlyList<int> cohort, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await Task.CompletedTask;
            foreach (int client in cohort)
            {
                yield return (client + instruction.Round) % 5 == 0
                    ? new ClientExclusion(client, "dropped out")
                    : directory.Journal.FindReceipt(instruction, client) ?? Train(instruction, client);
            }
        }

        private ClientReceipt Train(RoundInstruction instruction, int client)
        {
            run.Trained++;
            TensorSet update = directory.Store.Get(instruction.StateHash);
            var random = new CounterRandom(3, RandomPurpose.DataSampling, instruction.Round, client);
            for (int i = 0; i < update.Values.Length; i++)
            {
                update.Values[i] = (update.Values[i] * 0.25f) + random.Uniform((ulong)i) - 0.5f;
            }

            float[] largest = [.. Layout.Slots.Select(s => update[s].ToArray().Max(Math.Abs))];
            var receipt = new ClientReceipt(client, directory.Store.Put(update), client + 1, largest, new ClientMetrics(1.0 / (client + 1), 10, 0.5));
            directory.Journal.RecordReceipt(instruction, receipt);
            return receipt;
        }
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
