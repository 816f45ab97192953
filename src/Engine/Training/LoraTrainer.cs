using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>
/// Trains LoRA adapters on one frozen base, several side by side: products with base weights run over the rows of all lanes, everything else lane by lane.
/// A lane's bits are those of training alone: they depend neither on the other lanes nor on the threads.
/// </summary>
/// <typeparam name="TSample">What a batch is made of.</typeparam>
public sealed unsafe class LoraTrainer<TSample> : ILoraTrainer<TSample>
{
    private readonly IObjective<TSample> _objective;
    private readonly Decoder _decoder;
    private readonly ScoringHead _head;
    private readonly PackedBatch _batch = new();
    private readonly LaneSet _lanes = new();
    private LaneProgress[] _progress = [];
    private float[] _slopes = [];

    /// <summary>Prepares training on <paramref name="weights"/>, which stay as they are.</summary>
    /// <param name="weights">The base model.</param>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="workers">Threads.</param>
    /// <param name="checkpointing">Whether to keep only the layers' inputs and compute each layer again in the backward pass: less memory, same bits.</param>
    public LoraTrainer(DecoderWeights weights, IObjective<TSample> objective, Workers workers, bool checkpointing = false)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(objective);
        ArgumentNullException.ThrowIfNull(workers);
        _objective = objective;
        _decoder = new Decoder(weights, workers, checkpointing, frozen: true);
        _head = new ScoringHead(weights, workers);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results)
    {
        ComputeGradient(steps, results);
        for (int lane = 0; lane < steps.Length; lane++)
        {
            Own(steps[lane]).Update(steps[lane].Settings, results[lane].GradientNorm);
        }
    }

    /// <inheritdoc/>
    public void ComputeGradient(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results)
    {
        if (results.Length != steps.Length)
        {
            throw new ArgumentException($"There are {steps.Length} lanes, but room for {results.Length} results.", nameof(results));
        }

        int rounds = 0;
        Begin(steps);
        foreach (ref readonly LaneStep<TSample> step in steps)
        {
            rounds = Math.Max(rounds, step.MicroBatches.Count);
        }

        // The first micro-batches of all lanes together, then the second, …; a lane that has no more of them sits out.
        for (int microBatch = 0; microBatch < rounds; microBatch++)
        {
            Pack(steps, microBatch);
            Accumulate(steps, microBatch);
        }

        for (int lane = 0; lane < steps.Length; lane++)
        {
            TrainingLane own = Own(steps[lane]);
            double terms = own.AddTerms();
            results[lane] = _progress[lane].Result(terms, GradientClip.Norm(own.GradientValues));
        }
    }

    private static TrainingLane Own(in LaneStep<TSample> step) =>
        step.Lane as TrainingLane ?? throw new ArgumentException("A lane belongs to another engine.", nameof(step));

    private void Begin(ReadOnlySpan<LaneStep<TSample>> steps)
    {
        if (_progress.Length < steps.Length)
        {
            _progress = new LaneProgress[steps.Length];
        }

        for (int lane = 0; lane < steps.Length; lane++)
        {
            LaneStep<TSample> step = steps[lane];
            if (step.MicroBatches.Count == 0)
            {
                throw new ArgumentException("A lane's step has no micro-batch.", nameof(steps));
            }

            Array.Clear(Own(step).GradientValues);
            ref LaneProgress progress = ref _progress[lane];
            progress = default;
            for (int i = 0; i < step.MicroBatches.Count; i++)
            {
                int terms = Terms(step.MicroBatches[i]);
                if (terms == 0)
                {
                    throw new ArgumentException("A micro-batch scores no token: its loss is undefined.", nameof(steps));
                }

                progress.Terms += terms;
                foreach (TSample sample in step.MicroBatches[i])
                {
                    progress.Tokens += _objective.Tokens(sample);
                    progress.Samples++;
                }
            }
        }
    }

    private int Terms(TSample[] samples)
    {
        int terms = 0;
        foreach (TSample sample in samples)
        {
            terms += _objective.Terms(sample);
        }

        return terms;
    }

    private void Pack(ReadOnlySpan<LaneStep<TSample>> steps, int microBatch)
    {
        _batch.Clear();
        _lanes.Clear();
        for (int lane = 0; lane < steps.Length; lane++)
        {
            LaneStep<TSample> step = steps[lane];
            TrainingLane own = Own(step);
            if (microBatch < step.MicroBatches.Count)
            {
                foreach (TSample sample in step.MicroBatches[microBatch])
                {
                    _objective.Pack(_batch, sample);
                }
            }

            _batch.EndLane();
            StepSettings settings = step.Settings;
            double probability = own.Adapter.Config.Dropout;
            DropoutStream? dropout = probability > 0
                ? new DropoutStream(
                    new CounterRandom(settings.Seed, RandomPurpose.Dropout, settings.Round, settings.Client, settings.Step), probability, _progress[lane].Rows)
                : null;
            LaneRows rows = _batch.Lane(lane);
            _lanes.Add(new LanePass(rows, own.Adapter, dropout, own.GradientValues, own.Trained));
            _progress[lane].Rows += rows.Count;
        }
    }

    private void Accumulate(ReadOnlySpan<LaneStep<TSample>> steps, int microBatch)
    {
        _decoder.ForwardForTraining(_batch, _lanes);
        ReadOnlySpan<float> logProbabilities = _head.LogProbabilitiesForTraining(_batch, _decoder.Output);
        if (_slopes.Length < logProbabilities.Length)
        {
            _slopes = new float[Math.Max(logProbabilities.Length, 2 * _slopes.Length)];
        }

        Span<float> slopes = _slopes.AsSpan(0, logProbabilities.Length);
        for (int lane = 0; lane < steps.Length; lane++)
        {
            LaneStep<TSample> step = steps[lane];
            LaneRows rows = _batch.Lane(lane);
            if (rows.Count == 0)
            {
                continue;
            }

            TSample[] samples = step.MicroBatches[microBatch];
            double weight = step.Settings.Accumulation == GradientAccumulation.TokenMean
                ? 1.0 / _progress[lane].Terms
                : 1.0 / ((double)Terms(samples) * step.MicroBatches.Count);
            _progress[lane].Add(
                weight, rows.ScoredCount,
                _objective.Evaluate(samples, logProbabilities.Slice(rows.FirstScored, rows.ScoredCount), weight, slopes.Slice(rows.FirstScored, rows.ScoredCount)));
        }

        _head.Backward(_batch, slopes, _decoder.OutputGradient(_batch.Rows));
        _decoder.Backward(_batch, _lanes);
        GC.KeepAlive(this); // activations are reached by address
    }

    // What a lane has gathered over the micro-batches of a step.
    private struct LaneProgress
    {
        private double _loss;
        private int _scored;
        private PreferenceMetrics? _preference;

        public int Terms;
        public int Tokens;
        public int Samples;
        public int Rows;

        public void Add(double weight, int scored, in ObjectiveSum sum)
        {
            _loss += weight * sum.Loss;
            _scored += scored;
            if (sum.Preference is { } more)
            {
                PreferenceMetrics before = _preference ?? default;
                _preference = new PreferenceMetrics(
                    before.ChosenReward + more.ChosenReward, before.RejectedReward + more.RejectedReward, before.Accuracy + more.Accuracy);
            }
        }

        public readonly StepResult Result(double terms, double norm) => new(
            _loss + terms, norm, Tokens, _scored,
            _preference is { } sum ? new PreferenceMetrics(sum.ChosenReward / Samples, sum.RejectedReward / Samples, sum.Accuracy / Samples) : null);
    }
}
