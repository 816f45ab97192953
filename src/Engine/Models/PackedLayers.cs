using FedLLM.Numerics;

namespace FedLLM.Engine.Models;

/// <summary>
/// Copies of a frozen decoder's linear layers in the orders in which their products read them, made when first asked for and kept: a step of few rows would
/// spend much of its time on packing weights that have not changed since the last one. Shared by all that trains on the weights, from any thread.
/// </summary>
internal sealed unsafe class PackedLayers
{
    // Copies in both orders of all linear layers take at most so much; larger models are packed as they are used.
    private const long MostBytes = 256L << 20;

    // Fewer rows are products of other kinds, which read weights where they lie.
    private const int FewestRows = 25;

    private readonly AlignedBuffer?[] _forward;
    private readonly AlignedBuffer?[] _backward;
    private readonly Lock _making = new();

    private PackedLayers(int matrices) => (_forward, _backward) = (new AlignedBuffer?[matrices], new AlignedBuffer?[matrices]);

    /// <summary>Prepares copies for <paramref name="weights"/>; null where they would take too much memory, or the weights are kept as bfloat16.</summary>
    public static PackedLayers? For(DecoderWeights weights)
    {
        long bytes = 0;
        foreach (LinearWeights linear in weights.Layers.SelectMany(l => l.Linears))
        {
            if (linear.Weight.IsBFloat16)
            {
                return null;
            }

            bytes += sizeof(float) * (Gemm.PackedLength(linear.OutSize, linear.InSize) + Gemm.PackedLength(linear.InSize, linear.OutSize));
        }

        return bytes <= MostBytes ? new PackedLayers(weights.Layers.Count * LoraAdapter.LinearKinds) : null;
    }

    /// <summary>Whether a product of so many rows is one for packed weights.</summary>
    public static bool Fit(int rows) => rows >= FewestRows;

    /// <summary>y [T,out] = x [T,in] · Wᵀ.</summary>
    public void Forward(Workers? workers, LinearWeights linear, int layer, LinearKind kind, float* x, float* y, int rows)
    {
        AlignedBuffer packed = Packed(_forward, linear, layer, kind, linear.OutSize, linear.InSize, 1, linear.InSize);
        Gemm.MultiplyPacked(workers, rows, linear.OutSize, linear.InSize, x, linear.InSize, 1, packed.Pointer, y, linear.OutSize, false);
        GC.KeepAlive(packed);
    }

    /// <summary>dx [T,in] (+)= dy [T,out] · W.</summary>
    public void Backward(Workers? workers, LinearWeights linear, int layer, LinearKind kind, float* dy, float* dx, int rows, bool accumulate)
    {
        AlignedBuffer packed = Packed(_backward, linear, layer, kind, linear.InSize, linear.OutSize, linear.InSize, 1);
        Gemm.MultiplyPacked(workers, rows, linear.InSize, linear.OutSize, dy, linear.OutSize, 1, packed.Pointer, dx, linear.InSize, accumulate);
        GC.KeepAlive(packed);
    }

    // The weight as the right operand [k,n], its element (k, j) at k·row + j·column.
    private AlignedBuffer Packed(AlignedBuffer?[] of, LinearWeights linear, int layer, LinearKind kind, int n, int k, nint row, nint column)
    {
        ref AlignedBuffer? slot = ref of[(layer * LoraAdapter.LinearKinds) + (int)kind];
        if (Volatile.Read(ref slot) is { } ready)
        {
            return ready;
        }

        lock (_making)
        {
            if (slot is null)
            {
                var made = new AlignedBuffer(checked((int)Gemm.PackedLength(n, k)));
                fixed (float* weight = linear.Weight.Single)
                {
                    Gemm.Pack(n, k, weight, row, column, made.Pointer);
                }

                Volatile.Write(ref slot, made);
            }

            return slot;
        }
    }
}
