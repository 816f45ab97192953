using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Models;

/// <summary>What one decoder layer leaves behind for the backward pass. T rows; see <see cref="ModelConfig"/> for the letters.</summary>
internal sealed class LayerActivations
{
    /// <summary>1/rms of the rows entering the layer, [T].</summary>
    public ActivationBuffer InputInverse { get; } = new();

    /// <summary>The normalised input of q, k and v, [T,D].</summary>
    public ActivationBuffer AttentionInput { get; } = new();

    /// <summary>Queries after the rotary embedding, [T,H·d].</summary>
    public ActivationBuffer Query { get; } = new();

    /// <summary>Keys after the rotary embedding, [T,G·d].</summary>
    public ActivationBuffer Key { get; } = new();

    /// <summary>Values, [T,G·d].</summary>
    public ActivationBuffer Value { get; } = new();

    /// <summary>Attention's output, the input of o, [T,H·d].</summary>
    public ActivationBuffer Attended { get; } = new();

    /// <summary>Attention's log-sum-exp, [T,H].</summary>
    public ActivationBuffer LogSumExp { get; } = new();

    /// <summary>The residual stream between attention and MLP, [T,D].</summary>
    public ActivationBuffer Middle { get; } = new();

    /// <summary>1/rms of <see cref="Middle"/>'s rows, [T].</summary>
    public ActivationBuffer MiddleInverse { get; } = new();

    /// <summary>The normalised input of gate and up, [T,D].</summary>
    public ActivationBuffer MlpInput { get; } = new();

    /// <summary>Gate's output, [T,F].</summary>
    public ActivationBuffer Gate { get; } = new();

    /// <summary>Up's output, [T,F].</summary>
    public ActivationBuffer Up { get; } = new();

    /// <summary>silu(gate) ⊙ up, the input of down, [T,F].</summary>
    public ActivationBuffer Gated { get; } = new();

    /// <summary>Per linear layer, s·A·dropout(x) of every lane, [T,r].</summary>
    public ActivationBuffer[] LoraDown { get; } = [.. Enumerable.Range(0, LoraAdapter.LinearKinds).Select(_ => new ActivationBuffer())];
}
