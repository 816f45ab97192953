using FedLLM.Engine.Models;
using FedLLM.Engine.Torch.Autograd;
using FedLLM.Engine.Torch.Weights;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Models;

/// <summary>
/// The forward pass of a Llama-family decoder with LoRA on any of its linear layers, on packed sequences; autograd does the backward pass.
/// Norms are computed in float32, everything else in the weights' type.
/// </summary>
/// <remarks>Letters: T rows, D hidden, H heads, G key-value heads, d head size, F MLP width.</remarks>
internal sealed class TorchDecoder(TorchWeights weights) : IDisposable
{
    private readonly ModelConfig _config = weights.Config;
    private readonly Tensor _anchor = zeros(1, weights.Type, weights.Device, requires_grad: true).DetachFromDisposeScope();

    /// <summary>Runs what a backward pass calls back; whoever runs one asks it afterwards whether it failed.</summary>
    public BackwardGuard Guard { get; } = new(weights.Device, weights.Type);

    /// <summary>Returns the residual stream after the last layer, [T,D]. Without a graph, unless the caller's gradients are on; then from the lowest adapter on.</summary>
    public Tensor Forward(TorchBatch batch, LanePasses lanes, IReadOnlyList<TorchCache>? caches = null)
    {
        Tensor x = Begin(batch, lanes, caches, out int next);
        for (int layer = next; layer < _config.Layers; layer++)
        {
            x = Layer(layer, x, batch, lanes, caches);
        }

        return x;
    }

    /// <summary>Runs the layers below the lowest adapter, which no gradient reaches.</summary>
    /// <param name="batch">The sequences.</param>
    /// <param name="lanes">The lanes.</param>
    /// <param name="caches">Keys and values so far, or null.</param>
    /// <param name="next">The layer to go on with.</param>
    public Tensor Begin(TorchBatch batch, LanePasses lanes, IReadOnlyList<TorchCache>? caches, out int next)
    {
        using IDisposable frozen = no_grad();
        Tensor x = weights.Embedding.index_select(0, batch.Tokens); // [T,D]
        next = Math.Min(lanes.LowestLayer, _config.Layers);
        for (int layer = 0; layer < next; layer++)
        {
            Tensor input = x;
            x = Layer(layer, input, batch, lanes, caches);
            input.Dispose();
        }

        return x;
    }

    /// <summary>Returns x after one layer. What only the backward pass needs is held by its graph alone.</summary>
    public Tensor Layer(int layer, Tensor x, TorchBatch batch, LanePasses lanes, IReadOnlyList<TorchCache>? caches = null)
    {
        using var scope = NewDisposeScope();
        TorchLayer own = weights.Layers[layer];
        Tensor normed = Norm(x, own.InputNorm); // [T,D]
        Tensor query = Turn(Linear(LinearKind.Query, normed).view(batch.Rows, _config.Heads, _config.HeadSize), batch); // [T,H,d]
        Tensor key = Turn(Linear(LinearKind.Key, normed).view(batch.Rows, _config.KeyValueHeads, _config.HeadSize), batch); // [T,G,d]
        Tensor value = Linear(LinearKind.Value, normed).view(batch.Rows, _config.KeyValueHeads, _config.HeadSize); // [T,G,d]
        Tensor attended = caches is null
            ? TorchAttention.Forward(_config, batch.Spans, query, key, value)
            : TorchAttention.Cached(_config, layer, batch.Spans, caches, query, key, value);
        Tensor middle = x.add(Linear(LinearKind.Output, attended)); // [T,D]
        Tensor mlp = Norm(middle, own.PostAttentionNorm);
        Tensor gated = nn.functional.silu(Linear(LinearKind.Gate, mlp)).mul(Linear(LinearKind.Up, mlp)); // [T,F]
        return middle.add(Linear(LinearKind.Down, gated)).MoveToOuterDisposeScope();

        Tensor Linear(LinearKind kind, Tensor input) => lanes.Add(layer, kind, input, Base(own.Linears[(int)kind], input));
    }

    /// <summary>As <see cref="Layer"/>; the graph keeps x alone, and computes the layer again.</summary>
    public Tensor Checkpointed(int layer, Tensor x, TorchBatch batch, LanePasses lanes)
    {
        using var scope = NewDisposeScope();
        return CheckpointedLayer.Apply(x, _anchor, input => Layer(layer, input, batch, lanes), Guard).MoveToOuterDisposeScope();
    }

    /// <summary>RMSNorm (Zhang and Sennrich, 2019): w · x / √(mean(x²) + ε), the division in float32.</summary>
    public Tensor Norm(Tensor x, Tensor weight)
    {
        Tensor wide = x.to(ScalarType.Float32);
        Tensor inverse = rsqrt(wide.square().mean([1], keepdim: true).add(_config.NormEpsilon)); // [T,1]
        return wide.mul(inverse).to(x.dtype).mul(weight);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _anchor.Dispose();
        Guard.Dispose();
    }

    // W·x + b; in W's type where it is another than x's.
    private Tensor Base(TorchLinear linear, Tensor x)
    {
        if (linear.Weight.IsQuantized)
        {
            using var scope = NewDisposeScope();
            return FrozenProduct.Apply(x, linear, Guard).MoveToOuterDisposeScope();
        }

        Tensor weight = linear.Weight.Dense(x.dtype);
        if (weight.dtype == x.dtype)
        {
            return nn.functional.linear(x, weight, linear.Bias);
        }

        Tensor y = nn.functional.linear(x.to(weight.dtype), weight).to(x.dtype);
        return linear.Bias is null ? y : y.add(linear.Bias);
    }

    // Rotary embedding in Hugging Face's half-split layout: elements i and i + d/2 turn by position · frequency i.
    private Tensor Turn(Tensor heads, TorchBatch batch)
    {
        int half = _config.HeadSize / 2;
        Tensor turned = cat([heads.narrow(2, half, half).neg(), heads.narrow(2, 0, half)], 2);
        return heads.mul(batch.Cosine).add(turned.mul(batch.Sine));
    }
}
