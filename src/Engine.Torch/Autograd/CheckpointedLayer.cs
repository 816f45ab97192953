using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Autograd;

/// <summary>
/// A decoder layer that keeps its input alone (Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost"): the backward pass computes the layer again, with a
/// graph, and goes through that at once. Adapters' gradients are added where the layer is computed again.
/// </summary>
internal sealed class CheckpointedLayer : autograd.SingleTensorFunction<CheckpointedLayer>
{
    private const string Layer = "layer";

    /// <inheritdoc/>
    public override string Name => nameof(CheckpointedLayer);

    /// <summary>Returns <paramref name="layer"/> of x, [T,D].</summary>
    /// <param name="x">The layer's input.</param>
    /// <param name="anchor">Any leaf that needs a gradient, and gets none: without it, the lowest layer would not be part of the graph.</param>
    /// <param name="layer">Computes the layer.</param>
    /// <param name="guard">Runs the backward pass.</param>
    public static Tensor Apply(Tensor x, Tensor anchor, Func<Tensor, Tensor> layer, BackwardGuard guard) => apply(x, anchor, layer, guard);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (Tensor x, var layer, var guard) = ((Tensor)vars[0], (Func<Tensor, Tensor>)vars[2], (BackwardGuard)vars[3]);
        ctx.save_for_backward([x]);
        ctx.save_data(Layer, (layer, guard));
        return layer(x);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        (Func<Tensor, Tensor> layer, BackwardGuard guard) = ((Func<Tensor, Tensor>, BackwardGuard))ctx.get_data(Layer);
        return [guard.Run(grad_output, grad_output.shape[0], grad_output.shape[1], gradient => Again(ctx, layer, guard, gradient))!, null!, null!, null!];
    }

    private static Tensor? Again(autograd.AutogradContext ctx, Func<Tensor, Tensor> layer, BackwardGuard guard, Tensor gradient)
    {
        Tensor saved = ctx.get_saved_variables()[0];
        Tensor x = saved.detach();
        x.requires_grad = saved.requires_grad;
        using (enable_grad())
        {
            Tensor y = layer(x);
            guard.Full?.Invoke();
            autograd.backward([y], [gradient]);
        }

        return x.requires_grad ? x.grad : null;
    }
}
