using FedLLM.Engine.Torch.Weights;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Autograd;

/// <summary>
/// W·x + b with a quantised W: forward and backward pass dequantise it each for themselves and keep nothing of it, where Torch's own product would hold the dense copy for
/// the backward pass.
/// </summary>
internal sealed class FrozenProduct : autograd.SingleTensorFunction<FrozenProduct>
{
    private const string Operands = "operands";

    /// <inheritdoc/>
    public override string Name => nameof(FrozenProduct);

    /// <summary>Returns W·x + b, [n,out], for x [n,in].</summary>
    public static Tensor Apply(Tensor x, TorchLinear linear, BackwardGuard guard) => x.requires_grad ? apply(x, linear, guard) : Product(x, linear);

    /// <inheritdoc/>
    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        (Tensor x, var linear, var guard) = ((Tensor)vars[0], (TorchLinear)vars[1], (BackwardGuard)vars[2]);
        ctx.save_data(Operands, (linear, guard, x.shape[0], x.shape[1]));
        return Product(x, linear);
    }

    /// <inheritdoc/>
    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        (TorchLinear linear, BackwardGuard guard, long rows, long columns) = ((TorchLinear, BackwardGuard, long, long))ctx.get_data(Operands);
        return [guard.Run(grad_output, rows, columns, gradient => gradient.matmul(linear.Weight.Dense(gradient.dtype)))!, null!, null!];
    }

    private static Tensor Product(Tensor x, TorchLinear linear)
    {
        using Tensor dense = linear.Weight.Dense(x.dtype);
        return nn.functional.linear(x, dense, linear.Bias);
    }
}
