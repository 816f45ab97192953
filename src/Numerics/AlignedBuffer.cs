using System.Runtime.InteropServices;

namespace FedLLM.Numerics;

/// <summary>A block of float32 outside the managed heap, 64-byte aligned, zeroed at first, freed by <see cref="Dispose"/> or at the latest by the finalizer.</summary>
/// <remarks>Not thread-safe. Spans and pointers taken from it are invalid after <see cref="Dispose"/> and after an <see cref="EnsureLength"/> that grows it.</remarks>
public sealed unsafe class AlignedBuffer : IDisposable
{
    private float* _pointer;

    /// <summary>Reserves <paramref name="length"/> elements, all zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public AlignedBuffer(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        Allocate(length);
    }

    /// <summary>Frees the memory of a buffer nobody disposed.</summary>
    ~AlignedBuffer() => Free();

    /// <summary>Number of elements; 0 once disposed.</summary>
    public int Length { get; private set; }

    /// <summary>The first element's address, a multiple of 64; null when the buffer is empty or disposed.</summary>
    public float* Pointer => _pointer;

    /// <summary>All elements; empty once disposed.</summary>
    public Span<float> Span => new(_pointer, Length);

    /// <summary>Grows the buffer to at least <paramref name="length"/> elements; contents are lost when it grows, and the new ones are zero.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    /// <exception cref="OutOfMemoryException">The memory is not to be had.</exception>
    public void EnsureLength(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        if (length > Length)
        {
            Free();
            Allocate(length);
        }
    }

    /// <summary>Frees the memory.</summary>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Allocate(int length)
    {
        if (length > 0)
        {
            nuint bytes = (nuint)length * sizeof(float);
            _pointer = (float*)NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Clear(_pointer, bytes);
        }

        Length = length;
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_pointer);
        _pointer = null;
        Length = 0;
    }
}
