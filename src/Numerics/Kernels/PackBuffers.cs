namespace FedLLM.Numerics.Kernels;

/// <summary>Each thread's buffers for packed operands: made and grown by its first products, kept for all later ones, freed after the thread has ended.</summary>
internal static unsafe class PackBuffers
{
    [ThreadStatic]
    private static AlignedBuffer? Blocks;

    [ThreadStatic]
    private static AlignedBuffer? Groups;

    /// <summary>Returns this thread's buffer of at least <paramref name="length"/> elements for the blocks its team shares; its contents are arbitrary.</summary>
    public static float* ForBlocks(int length) => Take(ref Blocks, length);

    /// <summary>Returns this thread's buffer of at least <paramref name="length"/> elements for the rows it packs for itself; its contents are arbitrary.</summary>
    public static float* ForGroups(int length) => Take(ref Groups, length);

    private static float* Take(ref AlignedBuffer? buffer, int length)
    {
        buffer ??= new AlignedBuffer(length);
        buffer.EnsureLength(length);
        return buffer.Pointer;
    }
}
