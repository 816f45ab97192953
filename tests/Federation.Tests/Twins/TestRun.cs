using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Schedules;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Twins;

/// <summary>A small run whose parts all live in memory.</summary>
internal sealed class TestRun
{
    public static readonly TensorLayout Layout = new([("lora_A", [2, 19]), ("lora_B", [7, 2])]);

    public TestRun()
    {
        Fleet = new MemoryFleet(Store);
    }

    public MemoryTensorStore Store { get; } = new();

    public MemoryJournal Journal { get; } = new();

    public MemoryFleet Fleet { get; }

    public Recorder Observer { get; } = new();

    public Evaluator? Evaluates { get; set; } = new();

    public IClientEvaluator? EvaluatesClients { get; set; }

    public TimeProvider Time { get; set; } = TimeProvider.System;

    public IServerOptimizer Optimizer { get; set; } = new FedAvg();

    public ILoraAggregation Aggregation { get; set; } = new FedIt();

    public ICohortSampler Sampler { get; set; } = new UniformCohort();

    public TensorSet InitialAdapter { get; set; } = Initial();

    public RunSettings Settings { get; set; } = new()
    {
        RunId = "test",
        Rounds = 4,
        Clients = 9,
        ClientsPerRound = 4,
        Seed = 2023,
        LearningRate = new DecayByRound(new DecayCurve(DecayShape.Cosine, 1e-3, 1e-6, 4)),
        EvaluateEvery = 2,
    };

    public static TensorSet Initial()
    {
        var adapter = new TensorSet(Layout);
        for (int i = 0; i < adapter.Values.Length; i++)
        {
            adapter.Values[i] = 0.01f * (i - 20);
        }

        return adapter;
    }

    public IReadOnlyList<int> Cohort(int round) => new UniformCohort().Draw(Settings.Seed, round, Settings.Clients, Settings.ClientsPerRound);

    public Task<GlobalState> RunAsync(CancellationToken cancellationToken = default)
    {
        Fleet.Aggregation = Aggregation;
        return new RunLoop(Settings, Sampler, Optimizer, Fleet, Store, Journal, Evaluates, [Observer], Time, Aggregation, EvaluatesClients)
            .RunAsync(InitialAdapter, cancellationToken);
    }

    /// <summary>Runs to the end and returns the final adapter's hash.</summary>
    public async Task<string> HashAsync() => MemoryTensorStore.HashOf((await RunAsync()).Adapter);

    /// <summary>Evaluates an adapter to the sum of its values.</summary>
    internal sealed class Evaluator : IRoundEvaluator
    {
        public Action BeforeEvaluation { get; set; } = () => { };

        public Task<IReadOnlyDictionary<string, double>> EvaluateAsync(GlobalState state, CancellationToken cancellationToken)
        {
            BeforeEvaluation();
            return Task.FromResult<IReadOnlyDictionary<string, double>>(new Dictionary<string, double> { ["loss"] = state.Adapter.Values.Sum(v => (double)v) });
        }
    }

    /// <summary>A clock that stands still unless it is told to go on.</summary>
    internal sealed class Clock : TimeProvider
    {
        private long _ticks = 1000;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _ticks;

        public void Advance(double seconds) => _ticks += TimeSpan.FromSeconds(seconds).Ticks;
    }

    /// <summary>Writes down what an observer hears.</summary>
    internal sealed class Recorder : IRunObserver
    {
        public List<string> Heard { get; } = [];

        public Action<string> OnHeard { get; set; } = _ => { };

        public void RoundStarted(int round, IReadOnlyList<int> cohort) => Hear($"start {round}");

        public void ClientFinished(int round, ClientOutcome outcome) => Hear($"client {round}/{outcome.Client}");

        public void RoundCommitted(RoundRecord record) => Hear($"committed {record.Round}");

        private void Hear(string what)
        {
            Heard.Add(what);
            OnHeard(what);
        }
    }
}
