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

    private readonly int _layers;

    // In the order in which the passes use them.
    private readonly AlignedBuffer?[] _forward;
    private readonly AlignedBuffer?[] _backward;
    private readonly Lock _making = new();

    private PackedLayers(int layers)
    {
        _layers = layers;
        _forward = new AlignedBuffer?[layers * LoraAdapter.LinearKinds];
        _backward = new AlignedBuffer?[layers * LoraAdapter.LinearKinds];
    }

    // The place of each kind of product in a layer's backward pass; in the forward pass it is that of the kinds themselves.
    private static ReadOnlySpan<byte> BackwardOrder => [4, 5, 6, 3, 1, 2, 0];

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

        return bytes <= MostBytes ? new PackedLayers(weights.Layers.Count) : null;
    }

    /// <summary>Whether a product of so many rows is one for packed weights.</summary>
    public static bool Fit(int rows) => rows >= FewestRows;

    /// <summary>y [T,out] = x [T,in] · Wᵀ.</summary>
    public void Forward(Workers? workers, LinearWeights linear, int layer, LinearKind kind, float* x, float* y, int rows)
    {
        int position = (layer * LoraAdapter.LinearKinds) + (int)kind;
        AlignedBuffer packed = Packed(_forward, position, linear, linear.OutSize, linear.InSize, 1, linear.InSize);
        Gemm.MultiplyPacked(workers, rows, linear.OutSize, linear.InSize, x, linear.InSize, 1, packed.Pointer, y, linear.OutSize, false, After(_forward, position));
        GC.KeepAlive(packed);
    }

    /// <summary>dx [T,in] (+)= dy [T,out] · W.</summary>
    public void Backward(Workers? workers, LinearWeights linear, int layer, LinearKind kind, float* dy, float* dx, int rows, bool accumulate)
    {
        int position = ((_layers - 1 - layer) * LoraAdapter.LinearKinds) + BackwardOrder[(int)kind];
        AlignedBuffer packed = Packed(_backward, position, linear, linear.InSize, linear.OutSize, linear.InSize, 1);
        Gemm.MultiplyPacked(workers, rows, linear.InSize, linear.OutSize, dy, linear.OutSize, 1, packed.Pointer, dx, linear.InSize, accumulate, After(_backward, position));
        GC.KeepAlive(packed);
    }

    // What comes after it in its pass, where that has been made.
    private static ReadOnlySpan<float> After(AlignedBuffer?[] of, int position) =>
        position + 1 < of.Length && Volatile.Read(ref of[position + 1]) is { } next ? next.Span : default;

    // The weight as the right operand [k,n], its element (k, j) at k·row + j·column.
    private AlignedBuffer Packed(AlignedBuffer?[] of, int position, LinearWeights linear, int n, int k, nint row, nint column)
    {
        ref AlignedBuffer? slot = ref of[position];
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
