using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>How one optimizer step is done.</summary>
/// <param name="LearningRate">Step size, not negative.</param>
/// <param name="MaxGradNorm">Largest global gradient norm; 0 or less clips nothing.</param>
/// <param name="Seed">Seed of the dropout masks.</param>
/// <param name="Round">Round, for the dropout masks.</param>
/// <param name="Client">Client, for the dropout masks.</param>
/// <param name="Step">Step within the round, from 0, for the dropout masks.</param>
public readonly record struct StepSettings(double LearningRate, double MaxGradNorm = 0, ulong Seed = 0, int Round = 0, int Client = 0, int Step = 0);

/// <summary>What one optimizer step measured.</summary>
/// <param name="Loss">Mean over the micro-batches of the mean negative log-likelihood per scored token, in nats, before the step.</param>
/// <param name="GradientNorm">Global gradient norm before clipping.</param>
/// <param name="Tokens">Tokens processed.</param>
/// <param name="ScoredTokens">Tokens scored.</param>
public readonly record struct StepResult(double Loss, double GradientNorm, int Tokens, int ScoredTokens);

/// <summary>
/// Trains a LoRA adapter on a frozen base by supervised fine-tuning: loss = mean over the scored tokens of -log p(token | its past).
/// </summary>
public sealed unsafe class LoraTrainer
{
    private readonly Decoder _decoder;
    private readonly ScoringHead _head;
    private readonly AdamW _optimizer;
    private readonly PackedBatch _batch = new();
    private readonly float[] _gradient;
    private readonly LoraAdapter _adapter;

    /// <summary>Prepares training on <paramref name="weights"/>, which stay as they are; starts from the zero adapter.</summary>
    public LoraTrainer(DecoderWeights weights, LoraConfig config, AdamWSettings optimizer, Workers workers)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(workers);
        _decoder = new Decoder(weights, workers);
        _head = new ScoringHead(weights, workers);
        var parameters = new TensorSet(Files.LoraLayout.For(weights.Config, config));
        _adapter = new LoraAdapter(weights.Config, config, parameters);
        _optimizer = new AdamW(parameters.Values.Length, optimizer);
        _gradient = new float[parameters.Values.Length];
    }

    /// <summary>The adapter being trained.</summary>
    public TensorSet Parameters => _adapter.Parameters;

    /// <summary>The gradient of the last step, before clipping, in the parameters' layout.</summary>
    public TensorSet Gradient => new(_adapter.Parameters.Layout, _gradient);

    /// <summary>Starts over from <paramref name="adapter"/> (copied) with a fresh optimizer.</summary>
    /// <exception cref="ArgumentException">The adapter's layout is not the trainer's.</exception>
    public void Start(TensorSet adapter)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        if (!adapter.Layout.Equals(Parameters.Layout))
        {
            throw new ArgumentException("The adapter's tensors are not the trainer's: its targets, its rank or its model differ.", nameof(adapter));
        }

        adapter.Values.CopyTo(Parameters.Values, 0);
        _optimizer.Reset();
    }

    /// <summary>Takes one optimizer step on the micro-batches; the gradient is the mean of their gradients.</summary>
    /// <exception cref="ArgumentException">There is no micro-batch, or one scores no token.</exception>
    public StepResult Step(IReadOnlyList<TokenSequence[]> microBatches, in StepSettings settings)
    {
        StepResult result = ComputeGradient(microBatches, settings);
        _optimizer.Step(Parameters.Values, _gradient, settings.LearningRate, GradientClip.Factor(result.GradientNorm, settings.MaxGradNorm));
        return result;
    }

    /// <summary>Computes loss and <see cref="Gradient"/> without stepping.</summary>
    /// <exception cref="ArgumentException">There is no micro-batch, or one scores no token.</exception>
    public StepResult ComputeGradient(IReadOnlyList<TokenSequence[]> microBatches, in StepSettings settings)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentOutOfRangeException.ThrowIfZero(microBatches.Count);
        Array.Clear(_gradient);
        double loss = 0;
        int tokens = 0;
        int scored = 0;
        foreach (TokenSequence[] sequences in microBatches)
        {
            _batch.Pack(sequences);
            loss += Accumulate(settings, tokens, microBatches.Count);
            tokens += _batch.Rows;
            scored += _batch.ScoredCount;
        }

        return new StepResult(loss / microBatches.Count, GradientClip.Norm(_gradient), tokens, scored);
    }

    private double Accumulate(in StepSettings settings, int firstRow, int microBatches)
    {
        if (_batch.ScoredCount == 0)
        {
            throw new ArgumentException("A micro-batch scores no token: its loss is undefined.");
        }

        double probability = _adapter.Config.Dropout;
        DropoutStream? dropout = probability > 0
            ? new DropoutStream(new CounterRandom(settings.Seed, RandomPurpose.Dropout, settings.Round, settings.Client, settings.Step), probability, firstRow)
            : null;
        _decoder.Forward(_batch, _adapter, dropout, cache: null, keep: true);
        Span<float> weights = _head.Weights(_batch.ScoredCount);
        weights.Fill((float)(-1.0 / ((double)_batch.ScoredCount * microBatches)));
        ReadOnlySpan<float> logProbabilities = _head.LogProbabilitiesAndGradient(
            _batch, _decoder.Output, weights, _decoder.OutputGradient(_batch.Rows), fullGradient: null);
        double loss = MeanLoss(logProbabilities);
        _decoder.Backward(_batch, _adapter, dropout, _gradient, fullGradient: null);
        return loss;
    }

    internal static double MeanLoss(ReadOnlySpan<float> logProbabilities)
    {
        double sum = 0;
        foreach (float value in logProbabilities)
        {
            sum -= value;
        }

        return sum / logProbabilities.Length;
    }
}
