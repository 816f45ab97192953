using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Weights;

/// <summary>
/// Whole numbers with a scale for each row (Dettmers et al., 2022, "LLM.int8()", sec. 2, absmax quantisation by row): s = max|w| / 127 over the row, q = round(w / s),
/// ties to even; w' = s·q.
/// </summary>
/// <remarks>Deviation: only weights are quantised. Products are those of dequantised weights, so there are no outlier columns to treat apart.</remarks>
internal sealed class Int8Matrix : TorchMatrix
{
    private const double Largest = 127;
    private readonly Tensor _codes; // [out, in], Int8
    private readonly Tensor _scales; // [out, 1], Float32

    private Int8Matrix(Tensor codes, Tensor scales) => (_codes, _scales) = (codes, scales);

    /// <summary>Quantises a dense matrix, some rows at a time.</summary>
    public static Int8Matrix Quantize(Tensor dense)
    {
        (long rows, long columns) = (dense.shape[0], dense.shape[1]);
        Tensor codes = empty([rows, columns], ScalarType.Int8, dense.device).DetachFromDisposeScope();
        Tensor scales = empty([rows, 1], ScalarType.Float32, dense.device).DetachFromDisposeScope();
        long block = Math.Max(1, QuantizationBlocks.Elements / columns);
        for (long first = 0; first < rows; first += block)
        {
            using var scope = NewDisposeScope();
            long count = Math.Min(block, rows - first);
            Tensor part = dense.narrow(0, first, count).to(ScalarType.Float32);
            Tensor scale = part.abs().amax([1], keepdim: true).div(Largest); // [rows,1]
            scales.narrow(0, first, count).copy_(scale);
            codes.narrow(0, first, count).copy_(part.div(QuantizationBlocks.OrOne(scale)).round());
        }

        return new Int8Matrix(codes, scales);
    }

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type)
    {
        using var scope = NewDisposeScope();
        return _codes.to(ScalarType.Float32).mul_(_scales).to(type).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
    }
}

/// <summary>What both ways to quantise have in common.</summary>
internal static class QuantizationBlocks
{
    /// <summary>Elements quantised at a time: 64 MiB of float32.</summary>
    public const long Elements = 1 << 24;

    /// <summary>Returns <paramref name="scale"/> with 1 in place of 0: elements that are all 0 stay 0.</summary>
    public static Tensor OrOne(Tensor scale) => where(scale.eq(0), ones_like(scale), scale);
}
