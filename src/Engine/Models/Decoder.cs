using FedLLM.Engine.Kernels;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// The forward and backward pass of a Llama-family decoder (Touvron et al., 2023) with LoRA on any of its linear layers, on packed sequences.
/// Per layer: x += o(attention(rope(q(n)), rope(k(n)), v(n))), n = rmsnorm(x); x += down(silu(gate(m)) ⊙ up(m)), m = rmsnorm(x).
/// </summary>
/// <remarks>
/// One instance holds one pass's activations and serves one lane; the weights are shared and never written.
/// Letters: T rows (tokens of all sequences), D hidden, H heads, G key-value heads, d head size, F MLP width, r rank.
/// </remarks>
internal sealed unsafe class Decoder
{
    private readonly DecoderWeights _weights;
    private readonly ModelConfig _config;
    private readonly Workers _workers;
    private readonly Rotary _rotary;
    private readonly Attention _attention;
    private readonly LinearPass _linear;
    private readonly LayerActivations[] _layers;
    private readonly ActivationBuffer _output = new();
    private readonly ActivationBuffer _branch = new();
    private readonly ActivationBuffer _gradient = new();
    private readonly ActivationBuffer _normGradient = new();
    private readonly ActivationBuffer _wide = new();
    private readonly ActivationBuffer _dQuery = new();
    private readonly ActivationBuffer _dKey = new();
    private readonly ActivationBuffer _dValue = new();
    private readonly ActivationBuffer _dAttended = new();

    /// <summary>Prepares passes over <paramref name="weights"/> on <paramref name="workers"/>.</summary>
    public Decoder(DecoderWeights weights, Workers workers)
    {
        _weights = weights;
        _config = weights.Config;
        _workers = workers;
        _rotary = new Rotary(_config.HeadSize, _config.RopeTheta, _config.RopeScaling);
        _attention = new Attention(_config.Heads, _config.KeyValueHeads, _config.HeadSize);
        _linear = new LinearPass(workers);
        _layers = [.. Enumerable.Range(0, _config.Layers).Select(_ => new LayerActivations())];
    }

    /// <summary>The rotary embedding of this model.</summary>
    public Rotary Rotary => _rotary;

    /// <summary>The residual stream after the last layer, before the final norm, [T,D].</summary>
    public float* Output => _output.Pointer;

    /// <summary>The gradient of the loss by <see cref="Output"/>, [T,D], to be filled before <see cref="Backward"/>.</summary>
    public float* OutputGradient(int rows) => _gradient.Ensure((long)rows * _config.HiddenSize);

    /// <summary>
    /// Runs the batch up to <see cref="Output"/>.
    /// </summary>
    /// <param name="batch">The packed sequences.</param>
    /// <param name="adapter">The adapter, or null for the base model.</param>
    /// <param name="dropout">Dropout on the adapter's inputs, or null.</param>
    /// <param name="cache">Keys and values of the batch's only sequence so far; the new ones are appended. Null without generation.</param>
    /// <param name="keep">Whether to keep what <see cref="Backward"/> needs.</param>
    public void Forward(PackedBatch batch, LoraAdapter? adapter, DropoutStream? dropout, KeyValueCache? cache, bool keep)
    {
        int rows = batch.Rows; // T
        int hidden = _config.HiddenSize; // D
        float* x = _layers[0].Input.Ensure((long)rows * hidden);
        fixed (float* embedding = _weights.Embedding)
        fixed (int* tokens = batch.Tokens)
        {
            Elementwise.Gather(_workers, embedding, tokens, x, rows, hidden); // [T,D]
        }

        for (int layer = 0; layer < _config.Layers; layer++)
        {
            LayerActivations kept = _layers[keep ? layer : 0];
            ActivationBuffer next = layer + 1 == _config.Layers ? _output : _layers[keep ? layer + 1 : 0].Input;
            ForwardLayer(layer, kept, next, batch, adapter, dropout, cache);
        }

        if (cache is not null)
        {
            cache.Count += rows;
        }
    }

    /// <summary>
    /// Carries <see cref="OutputGradient"/> down to the lowest trained parameter, adding to the adapter's gradient, or to every parameter's.
    /// </summary>
    /// <param name="batch">The batch of the last kept <see cref="Forward"/>.</param>
    /// <param name="adapter">The adapter of that pass.</param>
    /// <param name="dropout">The dropout of that pass.</param>
    /// <param name="adapterGradient">Gradient of the adapter's flat buffer, added to; null in full-parameter training.</param>
    /// <param name="fullGradient">Gradients of all parameters, added to; null in LoRA training.</param>
    public void Backward(PackedBatch batch, LoraAdapter? adapter, DropoutStream? dropout, float[]? adapterGradient, DecoderWeights? fullGradient)
    {
        int rows = batch.Rows;
        for (int layer = _config.Layers - 1; layer >= 0; layer--)
        {
            BackwardLayer(layer, batch, adapter, dropout, adapterGradient, fullGradient);
        }

        if (fullGradient is not null)
        {
            fixed (float* table = fullGradient.Embedding)
            fixed (int* tokens = batch.Tokens)
            {
                Elementwise.Scatter(_workers, _gradient.Pointer, tokens, table, rows, _config.HiddenSize);
            }
        }
    }

    private void ForwardLayer(
        int layer, LayerActivations kept, ActivationBuffer next, PackedBatch batch, LoraAdapter? adapter, DropoutStream? dropout, KeyValueCache? cache)
    {
        LayerWeights weights = _weights.Layers[layer];
        var lora = new LoraPass(adapter, layer, dropout, kept);
        int rows = batch.Rows;
        int hidden = _config.HiddenSize;
        int queryWidth = _config.QuerySize;
        int keyWidth = _config.KeyValueSize;
        long wide = (long)rows * _config.IntermediateSize;
        float* x = kept.Input.Pointer;
        float* branch = _branch.Ensure((long)rows * hidden);

        float* normed = kept.AttentionInput.Ensure((long)rows * hidden); // [T,D]
        float* query = kept.Query.Ensure((long)rows * queryWidth); // [T,H·d]
        float* key = kept.Key.Ensure((long)rows * keyWidth); // [T,G·d]
        float* value = kept.Value.Ensure((long)rows * keyWidth); // [T,G·d]
        float* attended = kept.Attended.Ensure((long)rows * queryWidth); // [T,H·d]
        float* logSumExp = kept.LogSumExp.Ensure((long)rows * _config.Heads); // [T,H]
        fixed (float* norm = weights.InputNorm)
        {
            RmsNorm.Forward(_workers, x, norm, normed, kept.InputInverse.Ensure(rows), rows, hidden, _config.NormEpsilon);
        }

        _linear.Forward(weights, LinearKind.Query, lora, normed, query, rows);
        _linear.Forward(weights, LinearKind.Key, lora, normed, key, rows);
        _linear.Forward(weights, LinearKind.Value, lora, normed, value, rows);
        fixed (int* positions = batch.Positions)
        {
            _rotary.Apply(_workers, query, positions, rows, _config.Heads, 1);
            _rotary.Apply(_workers, key, positions, rows, _config.KeyValueHeads, 1);
        }

        if (cache is null)
        {
            _attention.Forward(_workers, batch.Spans, query, key, value, false, attended, logSumExp);
        }
        else
        {
            Append(cache.Keys(layer), key, cache.Count, rows, keyWidth);
            Append(cache.Values(layer), value, cache.Count, rows, keyWidth);
            _attention.Forward(_workers, batch.Spans, query, cache.Keys(layer).Pointer, cache.Values(layer).Pointer, true, attended, logSumExp);
        }

        _linear.Forward(weights, LinearKind.Output, lora, attended, branch, rows); // [T,D]
        float* middle = kept.Middle.Ensure((long)rows * hidden);
        Sum(x, branch, middle, (long)rows * hidden);

        float* mlpInput = kept.MlpInput.Ensure((long)rows * hidden); // [T,D]
        float* gate = kept.Gate.Ensure(wide); // [T,F]
        float* up = kept.Up.Ensure(wide); // [T,F]
        float* gated = kept.Gated.Ensure(wide); // [T,F]
        fixed (float* norm = weights.PostAttentionNorm)
        {
            RmsNorm.Forward(_workers, middle, norm, mlpInput, kept.MiddleInverse.Ensure(rows), rows, hidden, _config.NormEpsilon);
        }

        _linear.Forward(weights, LinearKind.Gate, lora, mlpInput, gate, rows);
        _linear.Forward(weights, LinearKind.Up, lora, mlpInput, up, rows);
        SwiGlu.Forward(_workers, gate, up, gated, wide);
        _linear.Forward(weights, LinearKind.Down, lora, gated, branch, rows); // [T,D]
        Sum(middle, branch, next.Ensure((long)rows * hidden), (long)rows * hidden);
    }

    private void BackwardLayer(
        int layer, PackedBatch batch, LoraAdapter? adapter, DropoutStream? dropout, float[]? adapterGradient, DecoderWeights? fullGradient)
    {
        LayerWeights weights = _weights.Layers[layer];
        LayerWeights? full = fullGradient?.Layers[layer];
        LayerActivations kept = _layers[layer];
        var lora = new LoraPass(adapter, layer, dropout, kept);
        var into = new LinearGradient(adapterGradient, full);
        int rows = batch.Rows;
        int hidden = _config.HiddenSize;
        bool below = layer > 0 || full is not null; // is there anything to train under this layer?
        float* dx = _gradient.Pointer; // [T,D]: on entry by the layer's output, on exit by its input

        // MLP branch.
        bool attentionTrains = below || lora.Trains(LinearKind.Query, LinearKind.Key, LinearKind.Value, LinearKind.Output);
        bool gateTrains = attentionTrains || lora.Trains(LinearKind.Gate, LinearKind.Up);
        float* dGated = gateTrains ? _wide.Ensure((long)rows * _config.IntermediateSize) : null; // [T,F]
        _linear.Backward(weights, LinearKind.Down, lora, into, kept.Gated.Pointer, dx, dGated, rows, accumulate: false);
        if (!gateTrains)
        {
            return;
        }

        float* dGate = kept.Gate.Pointer; // replaced in place
        float* dUp = kept.Up.Pointer;
        SwiGlu.Backward(_workers, dGated, dGate, dUp, (long)rows * _config.IntermediateSize);
        float* dNormed = attentionTrains ? _normGradient.Ensure((long)rows * hidden) : null; // [T,D]
        _linear.Backward(weights, LinearKind.Gate, lora, into, kept.MlpInput.Pointer, dGate, dNormed, rows, accumulate: false);
        _linear.Backward(weights, LinearKind.Up, lora, into, kept.MlpInput.Pointer, dUp, dNormed, rows, accumulate: true);
        if (!attentionTrains)
        {
            return;
        }

        BackwardNorm(dNormed, kept.Middle.Pointer, kept.MiddleInverse.Pointer, weights.PostAttentionNorm, full?.PostAttentionNorm, dx, rows);

        // Attention branch.
        bool qkvTrains = below || lora.Trains(LinearKind.Query, LinearKind.Key, LinearKind.Value);
        float* dAttended = qkvTrains ? _dAttended.Ensure((long)rows * _config.QuerySize) : null; // [T,H·d]
        _linear.Backward(weights, LinearKind.Output, lora, into, kept.Attended.Pointer, dx, dAttended, rows, accumulate: false);
        if (!qkvTrains)
        {
            return;
        }

        float* dQuery = _dQuery.Ensure((long)rows * _config.QuerySize); // [T,H·d]
        float* dKey = _dKey.Ensure((long)rows * _config.KeyValueSize); // [T,G·d]
        float* dValue = _dValue.Ensure((long)rows * _config.KeyValueSize); // [T,G·d]
        _attention.Backward(
            _workers, batch.Spans, kept.Query.Pointer, kept.Key.Pointer, kept.Value.Pointer, kept.LogSumExp.Pointer,
            dAttended, dQuery, dKey, dValue);
        fixed (int* positions = batch.Positions)
        {
            _rotary.Apply(_workers, dQuery, positions, rows, _config.Heads, -1);
            _rotary.Apply(_workers, dKey, positions, rows, _config.KeyValueHeads, -1);
        }

        dNormed = below ? dNormed : null;
        float* input = kept.AttentionInput.Pointer;
        _linear.Backward(weights, LinearKind.Query, lora, into, input, dQuery, dNormed, rows, accumulate: false);
        _linear.Backward(weights, LinearKind.Key, lora, into, input, dKey, dNormed, rows, accumulate: true);
        _linear.Backward(weights, LinearKind.Value, lora, into, input, dValue, dNormed, rows, accumulate: true);
        if (below)
        {
            BackwardNorm(dNormed, kept.Input.Pointer, kept.InputInverse.Pointer, weights.InputNorm, full?.InputNorm, dx, rows);
        }
    }

    private void BackwardNorm(float* dy, float* x, float* inverse, float[] weight, float[]? weightGradient, float* dx, int rows)
    {
        if (weightGradient is not null)
        {
            fixed (float* dw = weightGradient)
            {
                RmsNorm.BackwardWeight(_workers, dy, x, inverse, dw, rows, _config.HiddenSize);
            }
        }

        fixed (float* w = weight)
        {
            RmsNorm.Backward(_workers, dy, x, inverse, w, dx, rows, _config.HiddenSize);
        }
    }

    private void Sum(float* x, float* branch, float* y, long count)
    {
        if (x != y)
        {
            Buffer.MemoryCopy(x, y, count * sizeof(float), count * sizeof(float));
        }

        Elementwise.Add(_workers, branch, y, count);
    }

    private static void Append(ActivationBuffer cache, float* rows, int at, int count, int width)
        => new ReadOnlySpan<float>(rows, count * width).CopyTo(new Span<float>(cache.Pointer + ((long)at * width), count * width));
}
