namespace FedLLM.Numerics.Kernels;

/// <summary>Each thread's buffer for packed operands: made at its first product, kept for all later ones, freed after the thread has ended.</summary>
internal static unsafe class PackBuffers
{
    [ThreadStatic]
    private static AlignedBuffer? Current;

    /// <summary>Returns this thread's buffer of at least <paramref name="length"/> elements; its contents are arbitrary.</summary>
    public static float* ForThisThread(int length)
    {
        AlignedBuffer buffer = Current ??= new AlignedBuffer(length);
        buffer.EnsureLength(length);
        return buffer.Pointer;
    }
}
