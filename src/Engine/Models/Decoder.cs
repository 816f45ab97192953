using FedLLM.Engine.Kernels;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// The forward and backward pass of a Llama-family decoder (Touvron et al., 2023) with LoRA on any of its linear layers, on packed sequences.
/// Per layer: x += o(attention(rope(q(n)), rope(k(n)), v(n))), n = rmsnorm(x); x += down(silu(gate(m)) ⊙ up(m)), m = rmsnorm(x).
/// </summary>
/// <remarks>
/// One instance holds one pass's activations, those of all its lanes; the weights are shared and never written.
/// Letters: T rows (tokens of all sequences), D hidden, H heads, G key-value heads, d head size, F MLP width, r rank.
/// </remarks>
internal sealed unsafe class Decoder
{
    private readonly DecoderWeights _weights;
    private readonly ModelConfig _config;
    private readonly Workers _workers;
    private readonly bool _checkpointing;
    private readonly Rotary _rotary;
    private readonly Attention _attention;
    private readonly CachedAttention _cachedAttention;
    private readonly LinearPass _linear;
    private readonly ActivationBuffer[] _inputs;
    private readonly LayerActivations[] _layers;
    private readonly LayerActivations _passing = new();
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
    /// <param name="weights">The base model.</param>
    /// <param name="workers">Threads.</param>
    /// <param name="checkpointing">Whether to keep only the layers' inputs and compute a layer again before its backward pass (Chen et al., 2016); same bits.</param>
    /// <param name="frozen">Whether nobody writes to the weights any more, so that copies of them may be kept.</param>
    public Decoder(DecoderWeights weights, Workers workers, bool checkpointing = false, bool frozen = false)
    {
        _weights = weights;
        _config = weights.Config;
        _workers = workers;
        _checkpointing = checkpointing;
        _rotary = new Rotary(_config.HeadSize, _config.RopeTheta, _config.RopeScaling);
        _attention = new Attention(_config.Heads, _config.KeyValueHeads, _config.HeadSize);
        _cachedAttention = new CachedAttention(_attention, _config.KeyValueSize);
        _linear = new LinearPass(workers, frozen ? weights.Packed : null);
        _inputs = [.. Enumerable.Range(0, _config.Layers).Select(_ => new ActivationBuffer())];
        _layers = [.. Enumerable.Range(0, checkpointing ? 0 : _config.Layers).Select(_ => new LayerActivations())];
    }

    /// <summary>The rotary embedding of this model.</summary>
    public Rotary Rotary => _rotary;

    /// <summary>The residual stream after the last layer, before the final norm, [T,D].</summary>
    public float* Output => _output.Pointer;

    /// <summary>The gradient of the loss by <see cref="Output"/>, [T,D], to be filled before <see cref="Backward"/>.</summary>
    public float* OutputGradient(int rows) => _gradient.Ensure((long)rows * _config.HiddenSize);

    /// <summary>Runs the batch up to <see cref="Output"/> and keeps nothing else.</summary>
    /// <param name="batch">The packed sequences.</param>
    /// <param name="lanes">The lanes that run with an adapter.</param>
    /// <param name="caches">Keys and values of each sequence of the batch so far; the new ones are appended. Null without generation.</param>
    public void Forward(PackedBatch batch, LaneSet lanes, IReadOnlyList<KeyValueCache>? caches = null)
    {
        Embed(batch, _inputs[0]);
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            // The input is dead by the time its layer's output is written: one buffer serves all layers.
            ActivationBuffer next = layer + 1 == _config.Layers ? _output : _inputs[0];
            ForwardLayer(layer, _inputs[0].Pointer, _passing, next, batch, lanes, caches, fullTraining: false);
        }

        for (int s = 0; s < caches?.Count; s++)
        {
            caches[s].Count += batch.Spans[s].QueryCount;
        }
    }

    /// <summary>Runs the batch up to <see cref="Output"/> and keeps what <see cref="Backward"/> needs, from the lowest trained layer on.</summary>
    /// <param name="batch">The packed sequences.</param>
    /// <param name="lanes">The lanes; without any, all parameters are to be trained.</param>
    public void ForwardForTraining(PackedBatch batch, LaneSet lanes)
    {
        bool full = lanes.Count == 0;
        int lowest = full ? 0 : lanes.LowestLayer;
        Embed(batch, _inputs[0]);
        ActivationBuffer input = _inputs[0];
        for (int layer = 0; layer < _config.Layers; layer++)
        {
            ActivationBuffer next = layer + 1 == _config.Layers ? _output : layer + 1 > lowest ? _inputs[layer + 1] : _inputs[0];
            ForwardLayer(layer, input.Pointer, Kept(layer, lowest), next, batch, lanes, caches: null, full);
            input = next;
        }
    }

    /// <summary>
    /// Carries <see cref="OutputGradient"/> down to the lowest trained parameter, adding to the lanes' gradients, or to every parameter's.
    /// </summary>
    /// <param name="batch">The batch of the last <see cref="ForwardForTraining"/>.</param>
    /// <param name="lanes">The lanes of that pass.</param>
    /// <param name="fullGradient">Gradients of all parameters, added to; null in LoRA training.</param>
    public void Backward(PackedBatch batch, LaneSet lanes, DecoderWeights? fullGradient = null)
    {
        int lowest = fullGradient is null ? lanes.LowestLayer : 0;
        for (int layer = _config.Layers - 1; layer >= lowest; layer--)
        {
            float* input = _inputs[layer > lowest ? layer : 0].Pointer;
            if (_checkpointing)
            {
                ForwardLayer(layer, input, _passing, next: null, batch, lanes, caches: null, fullGradient is not null);
            }

            BackwardLayer(layer, input, Kept(layer, lowest), batch, lanes, fullGradient?.Layers[layer], below: layer > lowest || fullGradient is not null);
        }

        if (fullGradient is not null)
        {
            fixed (float* table = fullGradient.Embedding.Single)
            fixed (int* tokens = batch.Tokens)
            {
                Elementwise.Scatter(_workers, _gradient.Pointer, tokens, table, batch.Rows, _config.HiddenSize);
            }
        }
    }

    private LayerActivations Kept(int layer, int lowest) => _checkpointing || layer < lowest ? _passing : _layers[layer];

    private void Embed(PackedBatch batch, ActivationBuffer x)
    {
        float* rows = x.Ensure((long)batch.Rows * _config.HiddenSize);
        fixed (int* tokens = batch.Tokens)
        {
            Elementwise.Gather(_workers, _weights.Embedding, tokens, rows, batch.Rows, _config.HiddenSize); // [T,D]
        }
    }

    // What only an adapter's gradient reads is kept only where that layer has one; other layers share a buffer for it.
    // Without `next`, the layer is computed as far as its backward pass needs it.
    private void ForwardLayer(
        int layer, float* x, LayerActivations kept, ActivationBuffer? next, PackedBatch batch, LaneSet lanes, IReadOnlyList<KeyValueCache>? caches, bool fullTraining)
    {
        LayerWeights weights = _weights.Layers[layer];
        int rows = batch.Rows;
        int hidden = _config.HiddenSize;
        int queryWidth = _config.QuerySize;
        int keyWidth = _config.KeyValueSize;
        long wide = (long)rows * _config.IntermediateSize;
        float* branch = _branch.Ensure((long)rows * hidden);
        LayerActivations attentionInput = fullTraining || lanes.Adapts(layer, LinearKind.Query, LinearKind.Key, LinearKind.Value) ? kept : _passing;
        LayerActivations outputInput = fullTraining || lanes.Adapts(layer, LinearKind.Output) ? kept : _passing;
        LayerActivations mlp = fullTraining || lanes.Adapts(layer, LinearKind.Gate, LinearKind.Up) ? kept : _passing;
        LayerActivations downInput = fullTraining || lanes.Adapts(layer, LinearKind.Down) ? kept : _passing;

        float* normed = attentionInput.AttentionInput.Ensure((long)rows * hidden); // [T,D]
        float* query = kept.Query.Ensure((long)rows * queryWidth); // [T,H·d]
        float* key = kept.Key.Ensure((long)rows * keyWidth); // [T,G·d]
        float* value = kept.Value.Ensure((long)rows * keyWidth); // [T,G·d]
        float* attended = outputInput.Attended.Ensure((long)rows * queryWidth); // [T,H·d]
        float* logSumExp = kept.LogSumExp.Ensure((long)rows * _config.Heads); // [T,H]
        fixed (float* norm = weights.InputNorm)
        {
            RmsNorm.Forward(_workers, x, norm, normed, kept.InputInverse.Ensure(rows), rows, hidden, _config.NormEpsilon);
        }

        Linear(LinearKind.Query, normed, query);
        Linear(LinearKind.Key, normed, key);
        Linear(LinearKind.Value, normed, value);
        fixed (int* positions = batch.Positions)
        {
            _rotary.Apply(_workers, query, positions, rows, _config.Heads, 1);
            _rotary.Apply(_workers, key, positions, rows, _config.KeyValueHeads, 1);
        }

        if (caches is null)
        {
            _attention.Forward(_workers, batch.Spans, query, key, value, attended, logSumExp);
        }
        else
        {
            _cachedAttention.Forward(_workers, layer, batch.Spans, caches, query, key, value, attended, logSumExp);
        }

        Linear(LinearKind.Output, attended, branch); // [T,D]
        float* middle = kept.Middle.Ensure((long)rows * hidden);
        Elementwise.Add(_workers, x, branch, middle, (long)rows * hidden);

        float* mlpInput = mlp.MlpInput.Ensure((long)rows * hidden); // [T,D]
        float* gate = kept.Gate.Ensure(wide); // [T,F]
        float* up = kept.Up.Ensure(wide); // [T,F]
        fixed (float* norm = weights.PostAttentionNorm)
        {
            RmsNorm.Forward(_workers, middle, norm, mlpInput, kept.MiddleInverse.Ensure(rows), rows, hidden, _config.NormEpsilon);
        }

        Linear(LinearKind.Gate, mlpInput, gate);
        Linear(LinearKind.Up, mlpInput, up);
        if (next is null && downInput != kept)
        {
            return;
        }

        float* gated = downInput.Gated.Ensure(wide); // [T,F]
        SwiGlu.Forward(_workers, gate, up, gated, wide);
        Linear(LinearKind.Down, gated, branch); // [T,D]
        if (next is not null)
        {
            Elementwise.Add(_workers, middle, branch, next.Ensure((long)rows * hidden), (long)rows * hidden);
        }

        void Linear(LinearKind kind, float* input, float* output)
            => _linear.Forward(weights, layer, kind, lanes, kept.LoraDown[(int)kind], input, output, rows);
    }

    private void BackwardLayer(
        int layer, float* x, LayerActivations kept, PackedBatch batch, LaneSet lanes, LayerWeights? full, bool below)
    {
        LayerWeights weights = _weights.Layers[layer];
        int rows = batch.Rows;
        int hidden = _config.HiddenSize;
        float* dx = _gradient.Pointer; // [T,D]: on entry by the layer's output, on exit by its input

        // MLP branch. `below`: something trains under this layer.
        bool attentionTrains = below || lanes.Adapts(layer, LinearKind.Query, LinearKind.Key, LinearKind.Value, LinearKind.Output);
        bool gateTrains = attentionTrains || lanes.Adapts(layer, LinearKind.Gate, LinearKind.Up);
        float* dGated = gateTrains ? _wide.Ensure((long)rows * _config.IntermediateSize) : null; // [T,F]
        Linear(LinearKind.Down, kept.Gated.Pointer, dx, dGated, false);
        if (!gateTrains)
        {
            return;
        }

        float* dGate = kept.Gate.Pointer; // replaced in place
        float* dUp = kept.Up.Pointer;
        SwiGlu.Backward(_workers, dGated, dGate, dUp, (long)rows * _config.IntermediateSize);
        float* dNormed = attentionTrains ? _normGradient.Ensure((long)rows * hidden) : null; // [T,D]
        Linear(LinearKind.Gate, kept.MlpInput.Pointer, dGate, dNormed, false);
        Linear(LinearKind.Up, kept.MlpInput.Pointer, dUp, dNormed, true);
        if (!attentionTrains)
        {
            return;
        }

        BackwardNorm(dNormed, kept.Middle.Pointer, kept.MiddleInverse.Pointer, weights.PostAttentionNorm, full?.PostAttentionNorm, dx, rows);

        // Attention branch.
        bool qkvTrains = below || lanes.Adapts(layer, LinearKind.Query, LinearKind.Key, LinearKind.Value);
        float* dAttended = qkvTrains ? _dAttended.Ensure((long)rows * _config.QuerySize) : null; // [T,H·d]
        Linear(LinearKind.Output, kept.Attended.Pointer, dx, dAttended, false);
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
        Linear(LinearKind.Query, input, dQuery, dNormed, false);
        Linear(LinearKind.Key, input, dKey, dNormed, true);
        Linear(LinearKind.Value, input, dValue, dNormed, true);
        if (below)
        {
            BackwardNorm(dNormed, x, kept.InputInverse.Pointer, weights.InputNorm, full?.InputNorm, dx, rows);
        }

        void Linear(LinearKind kind, float* inputRows, float* dy, float* dInput, bool accumulate)
            => _linear.Backward(weights, layer, kind, lanes, full, kept.LoraDown[(int)kind], inputRows, dy, dInput, rows, accumulate);
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
}
