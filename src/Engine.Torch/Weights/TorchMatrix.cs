using FedLLM.Engine.Learners;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Weights;

/// <summary>A frozen matrix [out, in] on the device, dense or quantised.</summary>
internal abstract class TorchMatrix : IDisposable
{
    /// <summary>Whether <see cref="Dense"/> is another tensor than what is kept.</summary>
    public virtual bool IsQuantized => true;

    /// <summary>
    /// Returns its elements as a dense matrix, in <paramref name="type"/> where it is quantised. That is a copy which belongs to the caller's dispose scope: nothing
    /// may keep it beyond one product. The matrix itself where it is dense.
    /// </summary>
    public abstract Tensor Dense(ScalarType type);

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Quantises <paramref name="dense"/> [out, in], which it takes over; no dispose scope owns the result.</summary>
    public static TorchMatrix Of(Tensor dense, WeightQuantization quantization)
    {
        if (quantization == WeightQuantization.None)
        {
            return new DenseMatrix(dense.DetachFromDisposeScope());
        }

        using (dense)
        using (no_grad())
        {
            return quantization == WeightQuantization.Int8 ? Int8Matrix.Quantize(dense) : Nf4Matrix.Quantize(dense);
        }
    }
}

/// <summary>A matrix as it is.</summary>
/// <param name="values">[out, in].</param>
internal sealed class DenseMatrix(Tensor values) : TorchMatrix
{
    /// <inheritdoc/>
    public override bool IsQuantized => false;

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type) => values;

    /// <inheritdoc/>
    public override void Dispose() => values.Dispose();
}
