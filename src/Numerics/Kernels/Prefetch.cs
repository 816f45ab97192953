using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics.Kernels;

/// <summary>Asks the caches for what will be read soon. Where the machine has no such instruction, nothing happens.</summary>
public static unsafe class Prefetch
{
    private const int LineBytes = 64;

    /// <summary>Asks the first-level cache for the line of an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Near(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>Asks the second-level cache for the line of an address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Far(void* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }

    /// <summary>Asks the second-level cache for the first <paramref name="count"/> elements of the lines first … last - 1 of a matrix.</summary>
    public static void Lines<T>(T* from, nint line, int first, int last, int count)
        where T : unmanaged
    {
        for (int i = first; i < last; i++)
        {
            byte* at = (byte*)(from + (i * line));
            for (int offset = 0; offset < count * sizeof(T); offset += LineBytes)
            {
                Far(at + offset);
            }
        }
    }
}
