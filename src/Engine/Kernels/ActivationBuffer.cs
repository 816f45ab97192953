using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FedLLM.Engine.Kernels;

/// <summary>
/// A float32 buffer at a fixed, 64-byte aligned address that only grows. Contents are undefined after growth. A buffer that has to grow again becomes half as large
/// again as was asked: batches differ in their rows, and every buffer left behind stays resident until the runtime collects it, while pages nobody writes cost nothing.
/// </summary>
internal sealed unsafe class ActivationBuffer
{
    private const int AlignmentInFloats = 16;
    private float[] _storage = [];
    private int _start;

    /// <summary>Address of the first element; valid until the next growth.</summary>
    public float* Pointer { get; private set; }

    /// <summary>Number of elements that fit.</summary>
    public int Capacity { get; private set; }

    /// <summary>Grows to at least <paramref name="count"/> elements and returns the buffer's address.</summary>
    /// <exception cref="OverflowException">More than 2^31 elements were asked for.</exception>
    public float* Ensure(long count)
    {
        if (count > Capacity)
        {
            int capacity = Capacity == 0 ? checked((int)count) : (int)Math.Max(checked((int)count), Math.Min(count + (count / 2), Array.MaxLength - AlignmentInFloats));

            // Pinned arrays need no disposal, and their address may be kept.
            _storage = GC.AllocateUninitializedArray<float>(checked(capacity + AlignmentInFloats), pinned: true);
            float* raw = (float*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_storage));
            _start = (int)(((64 - ((nuint)raw & 63)) & 63) / sizeof(float));
            Pointer = raw + _start;
            Capacity = capacity;
        }

        return Pointer;
    }

    /// <summary>The first <paramref name="count"/> elements.</summary>
    public Span<float> Span(int count) => _storage.AsSpan(_start, count);
}
