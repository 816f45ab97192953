using System.Runtime.InteropServices;
using FedLLM.Engine.Torch.Autograd;
using FedLLM.Engine.Torch.Weights;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Tests.Autograd;

/// <summary>A failure within a backward pass, which native code must not see, comes out behind it.</summary>
public sealed class BackwardGuardTests
{
    [SkippableFact]
    public void Backward_MemoryRunsOut_EndsThePass_AndIsThrownBehindIt()
    {
        NativeLibraryOfTorch.Require();
        using IDisposable scope = NewDisposeScope();
        using var guard = new BackwardGuard(CPU, ScalarType.Float32);
        using var matrix = new FailingMatrix(rand(3, 4));
        Tensor x = rand([2, 4], requires_grad: true);
        Tensor y = FrozenProduct.Apply(FrozenProduct.Apply(x, new TorchLinear(new DenseMatrix(rand(4, 4)), null), guard), new TorchLinear(matrix, null), guard);
        autograd.backward([y], [ones_like(y)]);
        ExternalException error = Assert.Throws<ExternalException>(guard.ThrowIfFailed);
        Assert.Contains("out of memory", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, matrix.Asked);
        guard.ThrowIfFailed(); // once
    }

    [SkippableFact]
    public void Checkpointed_LayerFailsWhenItIsComputedAgain_IsThrownBehindThePass()
    {
        NativeLibraryOfTorch.Require();
        using IDisposable scope = NewDisposeScope();
        using var guard = new BackwardGuard(CPU, ScalarType.Float32);
        int calls = 0;
        Tensor Layer(Tensor x) => ++calls == 2 ? throw new ExternalException("CUDA out of memory") : x.mul(2);
        Tensor anchor = zeros(1, requires_grad: true);
        Tensor y = CheckpointedLayer.Apply(rand(2, 4), anchor, Layer, guard);
        Assert.True(y.requires_grad);
        autograd.backward([y], [ones_like(y)]);
        Assert.Throws<ExternalException>(guard.ThrowIfFailed);
        Assert.Null(anchor.grad);
    }

    // Dense in the forward pass; in the backward pass memory has run out.
    private sealed class FailingMatrix(Tensor values) : TorchMatrix
    {
        public int Asked { get; private set; }

        public override Tensor Dense(ScalarType type) => ++Asked == 2 ? throw new ExternalException("CUDA out of memory") : values.clone();

        public override void Dispose() => values.Dispose();
    }
}
