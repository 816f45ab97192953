using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>
/// Trains every parameter of a decoder by next-token prediction; the weights are updated in place. Weight decay applies to matrices, not to norms and biases.
/// </summary>
public sealed unsafe class FullTrainer
{
    private static readonly LaneSet NoLanes = new();
    private readonly DecoderWeights _gradient;
    private readonly Decoder _decoder;
    private readonly ScoringHead _head;
    private readonly PackedBatch _batch = new();
    private readonly (float[] Values, float[] Gradient, AdamW Optimizer)[] _parameters;

    /// <summary>Prepares training of <paramref name="weights"/> in place.</summary>
    public FullTrainer(DecoderWeights weights, AdamWSettings optimizer, Workers workers)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(workers);
        _gradient = weights.ZerosLike();
        _decoder = new Decoder(weights, workers);
        _head = new ScoringHead(weights, workers);
        AdamWSettings undecayed = optimizer with { WeightDecay = 0 };
        _parameters =
        [
            .. weights.Parameters().Zip(_gradient.Parameters(), (p, g) =>
                (p.Values, g.Values, new AdamW(p.Values.Length, p.IsMatrix ? optimizer : undecayed))),
        ];
    }

    /// <summary>The gradient of the last step, before clipping.</summary>
    public DecoderWeights Gradient => _gradient;

    /// <summary>Takes one optimizer step on one batch; every token but the first of a sequence counts where its flag says so.</summary>
    /// <exception cref="ArgumentException">The batch scores no token.</exception>
    public StepResult Step(ReadOnlySpan<TokenSequence> sequences, double learningRate, double maxGradNorm)
    {
        StepResult result = ComputeGradient(sequences);
        float factor = GradientClip.Factor(result.GradientNorm, maxGradNorm);
        foreach (var (values, gradient, optimizer) in _parameters)
        {
            optimizer.Step(values, gradient, learningRate, factor);
        }

        return result;
    }

    /// <summary>Computes loss and <see cref="Gradient"/> without stepping.</summary>
    /// <exception cref="ArgumentException">The batch scores no token.</exception>
    public StepResult ComputeGradient(ReadOnlySpan<TokenSequence> sequences)
    {
        _batch.Pack(sequences);
        if (_batch.ScoredCount == 0)
        {
            throw new ArgumentException("The batch scores no token: its loss is undefined.", nameof(sequences));
        }

        foreach (var (_, gradient, _) in _parameters)
        {
            Array.Clear(gradient);
        }

        _decoder.ForwardForTraining(_batch, NoLanes);
        double loss = NextTokenObjective.NegativeSum(
            _head.LogProbabilitiesForFullTraining(_batch, _decoder.Output, (float)(-1.0 / _batch.ScoredCount), _gradient)) / _batch.ScoredCount;
        _head.Backward(_batch, [], _decoder.OutputGradient(_batch.Rows), _gradient);
        _decoder.Backward(_batch, NoLanes, _gradient);
        GC.KeepAlive(this); // activations are reached by address
        double squares = 0;
        foreach (var (_, gradient, _) in _parameters)
        {
            squares += Reduce.SumOfSquaresDouble(gradient);
        }

        return new StepResult(loss, Math.Sqrt(squares), _batch.Rows, _batch.ScoredCount);
    }
}
