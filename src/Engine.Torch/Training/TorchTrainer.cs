using FedLLM.Engine.Learners;
using FedLLM.Engine.Torch.Memory;
using FedLLM.Engine.Torch.Models;
using FedLLM.Engine.Torch.Weights;
using FedLLM.Engine.Training;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Training;

/// <summary>
/// Trains LoRA adapters on one frozen base on a device, several side by side: products with base weights run over the rows of all lanes, those with factors as one batched
/// product over lanes of equal rank. Nothing waits for the device inside a step: its results are read after the update.
/// </summary>
internal sealed class TorchTrainer<TSample> : ILoraTrainer<TSample>, IDisposable
{
    private readonly TorchWeights _weights;
    private readonly IObjective<TSample> _objective;
    private readonly TorchObjective<TSample> _terms;
    private readonly TorchDecoder _decoder;
    private readonly TorchHead _head;
    private readonly bool _checkpointing;
    private readonly PackedBatch _batch = new();
    private readonly LaneAdmission _admission;

    /// <summary>Prepares training on <paramref name="weights"/>, which stay as they are.</summary>
    /// <param name="weights">The base model.</param>
    /// <param name="memory">The device's memory.</param>
    /// <param name="objective">What the samples are trained towards.</param>
    /// <param name="checkpointing">Whether to keep only the layers' inputs.</param>
    public TorchTrainer(TorchWeights weights, IDeviceMemory memory, IObjective<TSample> objective, bool checkpointing)
    {
        _admission = new LaneAdmission(memory, MemoryEstimate.BytesPerRow(weights.Config, checkpointing, weights.Type));
        (_weights, _objective, _checkpointing) = (weights, objective, checkpointing);
        _terms = TorchObjective.Of(objective);
        _decoder = new TorchDecoder(weights);
        _head = new TorchHead(weights);
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results) => Run(steps, results, update: true);

    /// <inheritdoc/>
    public void ComputeGradient(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results) => Run(steps, results, update: false);

    /// <inheritdoc/>
    public void Dispose() => _decoder.Dispose();

    private void Run(ReadOnlySpan<LaneStep<TSample>> steps, Span<StepResult> results, bool update)
    {
        if (results.Length != steps.Length)
        {
            throw new ArgumentException($"There are {steps.Length} lanes, but room for {results.Length} results.", nameof(results));
        }

        var lanes = new LaneWork[steps.Length];
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            lanes[lane] = new LaneWork(steps[lane], _objective);
        }

        StepResult[] measured = new StepResult[lanes.Length];
        DeviceFailures.Watch(_weights.Device, () => _admission.Run(
            [.. lanes.Select(l => (long)l.Rows)],
            (first, count, full, changes) => RunTogether(lanes.AsSpan(first, count), measured.AsSpan(first, count), update, full, changes)));
        measured.CopyTo(results);
    }

    private void RunTogether(Span<LaneWork> span, Span<StepResult> results, bool update, Action<long> full, Action changes)
    {
        using var scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        LaneWork[] lanes = span.ToArray();
        foreach (LaneWork lane in lanes)
        {
            lane.Lane.Adapter.Gradient!.zero_();
        }

        // The first micro-batches of all lanes together, then the second, …; a lane that has no more of them sits out.
        Tensor sums = zeros([lanes.Length, 4], ScalarType.Float64, _weights.Device);
        int rounds = lanes.Max(l => l.Step.MicroBatches.Count);
        for (int microBatch = 0; microBatch < rounds; microBatch++)
        {
            using var inner = NewDisposeScope();
            sums.add_(Accumulate(lanes, microBatch, full));
        }

        // Every lane's terms, norm and update, then one copy of all that was measured.
        changes();
        Tensor[] measured = [.. lanes.Select((lane, i) => Finish(lane, sums.select(0, i), update))]; // each [5]
        ReadOnlySpan<double> values = stack(measured, 0).cpu().data<double>().ToArray();
        for (int lane = 0; lane < lanes.Length; lane++)
        {
            results[lane] = lanes[lane].Result(values.Slice(5 * lane, 5), _terms.HasRewards);
        }
    }

    private Tensor Accumulate(LaneWork[] lanes, int microBatch, Action<long> full)
    {
        _batch.Clear();
        var passes = new List<TorchLanePass>();
        var samples = new List<LaneSamples<TSample>>();
        for (int i = 0; i < lanes.Length; i++)
        {
            LaneWork lane = lanes[i];
            TSample[] own = microBatch < lane.Step.MicroBatches.Count ? lane.Step.MicroBatches[microBatch] : [];
            foreach (TSample sample in own)
            {
                _objective.Pack(_batch, sample);
            }

            _batch.EndLane();
            passes.Add(new TorchLanePass(_batch.Lane(i), lane.Lane.Adapter, lane.Dropout(microBatch)));
            samples.Add(new LaneSamples<TSample>(own, own.Length == 0 ? 0 : lane.Weight(own)));
        }

        var batch = new TorchBatch(_batch, _weights);
        var all = new LanePasses(passes, _batch.Rows, _weights.Device);
        Tensor scored = HostCopy.Indices(_batch.ScoredRows, _weights.Device);
        Tensor targets = HostCopy.Indices(_batch.Targets, _weights.Device);
        Tensor input = _decoder.Begin(batch, all, null, out int lowest);
        ObjectiveTerms terms;
        using (enable_grad())
        {
            Tensor output = Forward(input, lowest, batch, all);
            full(_batch.Rows);
            _decoder.Guard.Full = () => full(_batch.Rows);
            Tensor normed = _decoder.Norm(output.index_select(0, scored), _weights.FinalNorm); // [n,D]
            (Tensor logProbabilities, Tensor gradient) = _head.LogProbabilitiesAndGradient(normed.detach(), targets);
            terms = _terms.Evaluate(samples, logProbabilities);
            autograd.backward([normed], [gradient.mul(terms.Slopes.unsqueeze(1).to(gradient.dtype))]);
        }

        _decoder.Guard.ThrowIfFailed();
        return terms.Sums;
    }

    private Tensor Forward(Tensor input, int lowest, TorchBatch batch, LanePasses lanes)
    {
        Tensor x = input;
        for (int layer = lowest; layer < _weights.Layers.Length; layer++)
        {
            x = _checkpointing ? _decoder.Checkpointed(layer, x, batch, lanes) : _decoder.Layer(layer, x, batch, lanes);
        }

        return x;
    }

    // Returns loss, norm, chosen rewards, rejected rewards and accuracy, [5].
    private static Tensor Finish(LaneWork work, Tensor sums, bool update)
    {
        Tensor? terms = work.Lane.AddTerms();
        Tensor norm = work.Lane.Adapter.Gradient!.to(ScalarType.Float64).norm();
        Tensor loss = terms is null ? sums.narrow(0, 0, 1) : sums.narrow(0, 0, 1).add(terms);
        if (update)
        {
            work.Lane.Update(work.Step.Settings, norm);
        }

        return cat([loss, norm.view(1), sums.narrow(0, 1, 3)], 0);
    }

    // One lane's step: its sizes on the host.
    private sealed class LaneWork
    {
        private readonly IObjective<TSample> _objective;
        private readonly int _terms;
        private readonly int _tokens;
        private readonly int _samples;
        private readonly int _scored;

        public LaneWork(in LaneStep<TSample> step, IObjective<TSample> objective)
        {
            Step = step;
            _objective = objective;
            Lane = step.Lane as TorchLane ?? throw new ArgumentException("A lane belongs to another engine.", nameof(step));
            if (step.MicroBatches.Count == 0)
            {
                throw new ArgumentException("A lane's step has no micro-batch.", nameof(step));
            }

            var counted = new PackedBatch();
            foreach (TSample[] batch in step.MicroBatches)
            {
                int terms = batch.Sum(objective.Terms);
                if (terms == 0)
                {
                    throw new ArgumentException("A micro-batch scores no token: its loss is undefined.", nameof(step));
                }

                counted.Clear();
                foreach (TSample sample in batch)
                {
                    objective.Pack(counted, sample);
                    _tokens += objective.Tokens(sample);
                }

                _terms += terms;
                _samples += batch.Length;
                _scored += counted.ScoredCount;
                Rows = Math.Max(Rows, counted.Rows);
            }
        }

        public LaneStep<TSample> Step { get; }

        public TorchLane Lane { get; }

        // Of the largest micro-batch.
        public int Rows { get; }

        // The weight of one term of a micro-batch in the step's loss.
        public double Weight(TSample[] samples) => Step.Settings.Accumulation == GradientAccumulation.TokenMean
            ? 1.0 / _terms
            : 1.0 / ((double)samples.Sum(_objective.Terms) * Step.MicroBatches.Count);

        public TorchDropout? Dropout(int microBatch) => Lane.Lora.Dropout > 0 ? new TorchDropout(Step.Settings, microBatch, Lane.Lora.Dropout, Lane.Dropout) : null;

        public StepResult Result(ReadOnlySpan<double> values, bool rewards) => new(
            values[0], values[1], _tokens, _scored,
            rewards ? new PreferenceMetrics(values[2] / _samples, values[3] / _samples, values[4] / _samples) : null);
    }
}
