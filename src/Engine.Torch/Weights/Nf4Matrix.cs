using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Weights;

/// <summary>
/// 4-bit NormalFloat (Dettmers et al., 2023, "QLoRA", sec. 3 and app. E): of each 64 elements in row-major order c = max|w|, each element is the nearest of 16 levels q to
/// w / c, the lower one at the middle between two; w' = c·q. Two elements share a byte, the first in its upper half.
/// </summary>
/// <remarks>Deviation: the scales c stay float32, half a bit an element; they are not quantised a second time.</remarks>
internal sealed class Nf4Matrix : TorchMatrix
{
    /// <summary>Elements that share a scale.</summary>
    public const int BlockSize = 64;

    /// <summary>The levels of app. E, ascending.</summary>
    public static readonly float[] Levels =
    [
        -1f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0f,
        0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1f,
    ];

    private readonly long _rows;
    private readonly long _columns;
    private readonly Tensor _codes; // [blocks, 32], Byte
    private readonly Tensor _scales; // [blocks, 1], Float32
    private readonly Tensor _pairs; // [256, 2], Float32: the two levels of every byte

    private Nf4Matrix(long rows, long columns, Tensor codes, Tensor scales)
    {
        (_rows, _columns, _codes, _scales) = (rows, columns, codes, scales);
        float[] pairs = [.. Enumerable.Range(0, 256).SelectMany(b => (float[])[Levels[b >> 4], Levels[b & 15]])];
        _pairs = tensor(pairs).view(256, 2).to(codes.device).DetachFromDisposeScope();
    }

    /// <summary>Quantises a dense matrix, some blocks at a time.</summary>
    public static Nf4Matrix Quantize(Tensor dense)
    {
        using var outer = NewDisposeScope();
        Tensor flat = dense.reshape(-1);
        long count = flat.shape[0];
        long blocks = (count + BlockSize - 1) / BlockSize;
        Tensor codes = empty([blocks, BlockSize / 2], ScalarType.Byte, dense.device).DetachFromDisposeScope();
        Tensor scales = empty([blocks, 1], ScalarType.Float32, dense.device).DetachFromDisposeScope();
        Tensor middles = tensor(Levels.Zip(Levels.Skip(1), (low, high) => (low + high) / 2).ToArray()).to(dense.device);
        long step = QuantizationBlocks.Elements / BlockSize;
        for (long first = 0; first < blocks; first += step)
        {
            using var scope = NewDisposeScope();
            long some = Math.Min(step, blocks - first);
            Tensor part = Blocks(flat, first * BlockSize, some);
            Tensor scale = part.abs().amax([1], keepdim: true); // [blocks,1]
            scales.narrow(0, first, some).copy_(scale);
            Tensor level = bucketize(part.div(QuantizationBlocks.OrOne(scale)), middles, true).view(some, BlockSize / 2, 2); // [blocks,32,2]
            codes.narrow(0, first, some).copy_(level.select(2, 0).mul(16).add(level.select(2, 1)));
        }

        return new Nf4Matrix(dense.shape[0], dense.shape[1], codes, scales);
    }

    /// <inheritdoc/>
    public override Tensor Dense(ScalarType type)
    {
        using var scope = NewDisposeScope();
        Tensor levels = _pairs.index_select(0, _codes.view(-1).to(ScalarType.Int32)).view(-1, BlockSize); // [blocks,64]
        return levels.mul_(_scales).view(-1).narrow(0, 0, _rows * _columns).view(_rows, _columns).to(type).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _pairs.Dispose();
    }

    // Blocks [n,64] of float32 from an element on; the last is filled up with zeros.
    private static Tensor Blocks(Tensor flat, long first, long blocks)
    {
        long count = Math.Min(blocks * BlockSize, flat.shape[0] - first);
        Tensor part = flat.narrow(0, first, count).to(ScalarType.Float32);
        return (count == blocks * BlockSize ? part : cat([part, zeros((blocks * BlockSize) - count, ScalarType.Float32, flat.device)], 0)).view(blocks, BlockSize);
    }
}
