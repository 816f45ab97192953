using System.Diagnostics;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Clients;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Training;

/// <summary>Our side of a case.</summary>
internal interface ITrainingSession : IDisposable
{
    /// <summary>Trains every client once, each from the same adapter with a fresh optimizer.</summary>
    TurnResult Turn();
}

/// <summary>What one turn measured: the lines that our process and a peer's print.</summary>
/// <param name="Seconds">Wall time.</param>
/// <param name="Losses">The loss of every step of every client, client after client.</param>
/// <param name="PeakMemory">Peak of the process's resident memory so far, bytes.</param>
internal sealed record TurnResult(double Seconds, double[] Losses, long PeakMemory)
{
    /// <summary>Bytes allocated on the managed heap during the steps; of one client alone, else 0.</summary>
    public long Allocated { get; init; }

    /// <summary>The peak of fused multiply-adds on as many threads, measured around the turn, in operations per second; 0 where it is not measured.</summary>
    public double FmaPeak { get; init; }
}

/// <summary>Trains clients with the product's own team of threads and lanes, as the embedded fleet does.</summary>
internal sealed class TrainingSession<TSample> : ITrainingSession
{
    // Some 4 ms a run.
    private const int PeakIterations = 1_000_000;
    private const int PeakRuns = 5;

    private readonly TensorSet _initial;
    private readonly StepSettings _settings;
    private readonly Func<int, ILanguageModel, TSample[][]> _load;
    private readonly Workers _peakWorkers;
    private readonly LaneTeam<TSample> _team;
    private readonly double[] _tokens;
    private readonly int[] _clients;
    private readonly double[][] _losses;
    private long _allocated;

    /// <summary>Sets up the threads and lanes.</summary>
    /// <param name="learner">The base model on its device.</param>
    /// <param name="initial">The adapter every client starts from.</param>
    /// <param name="objective">The loss.</param>
    /// <param name="settings">How steps are done.</param>
    /// <param name="threads">Threads.</param>
    /// <param name="lanes">Most clients that train side by side.</param>
    /// <param name="checkpointing">Whether activations are computed again.</param>
    /// <param name="tokens">Every client's tokens.</param>
    /// <param name="load">Returns a client's batches, one a step; called inside the turn, with the base model on the client's threads.</param>
    public TrainingSession(
        ILearner learner, TensorSet initial, IObjective<TSample> objective, StepSettings settings, int threads, int lanes, bool checkpointing, double[] tokens,
        Func<int, ILanguageModel, TSample[][]> load)
    {
        (_initial, _settings, _load, _tokens) = (initial, settings, load, tokens);
        _team = new LaneTeam<TSample>(
            count => new LaneGroup<TSample>(learner, learner, new AdamWSettings(), objective, count, checkpointing), threads, lanes, learner.Sessions(threads));
        _peakWorkers = new Workers(threads);
        _clients = [.. Enumerable.Range(0, tokens.Length)];
        _losses = new double[tokens.Length][];
    }

    /// <inheritdoc/>
    public TurnResult Turn()
    {
        _allocated = 0;
        double before = MeasurePeak();
        long start = Stopwatch.GetTimestamp();
        _team.RunAsync(_clients, client => _tokens[client], Train, default).GetAwaiter().GetResult();
        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        return new TurnResult(seconds, [.. _losses.SelectMany(l => l)], Process.GetCurrentProcess().PeakWorkingSet64)
        {
            Allocated = _clients.Length == 1 ? _allocated : 0,
            FmaPeak = Math.Max(before, MeasurePeak()),
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _team.Dispose();
        _peakWorkers.Dispose();
    }

    // The best of some: whatever disturbs the chains makes them slower.
    private double MeasurePeak()
    {
        double shortest = double.PositiveInfinity;
        for (int i = 0; i < PeakRuns; i++)
        {
            long start = Stopwatch.GetTimestamp();
            FmaPeak.Run(_peakWorkers, PeakIterations);
            shortest = Math.Min(shortest, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return _peakWorkers.Count * PeakIterations * FmaPeak.OperationsPerIteration / shortest;
    }

    private void Train(LaneGroup<TSample> group, IReadOnlyList<int> clients)
    {
        var lanes = new ITrainingLane[clients.Count];
        var batches = new TSample[clients.Count][][];
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i] = group.Lane(i, CaseFolder.Lora);
            lanes[i].Start(_initial);
            batches[i] = _load(clients[i], group.Model);
            _losses[clients[i]] = new double[batches[i].Length];
        }

        LaneStep<TSample>[][] steps = [.. Enumerable.Range(0, batches[0].Length).Select(step => lanes.Select(
            (lane, i) => new LaneStep<TSample>(lane, [batches[i][step]], _settings with { Client = clients[i], Step = step })).ToArray())];
        var results = new StepResult[lanes.Length];
        _ = GC.GetTotalAllocatedBytes(precise: true); // a thread's first call allocates
        long before = GC.GetTotalAllocatedBytes(precise: true);
        for (int step = 0; step < steps.Length; step++)
        {
            group.Trainer.Step(steps[step], results);
            for (int i = 0; i < lanes.Length; i++)
            {
                _losses[clients[i]][step] = results[i].Loss;
            }
        }

        _allocated = GC.GetTotalAllocatedBytes(precise: true) - before;
    }
}
