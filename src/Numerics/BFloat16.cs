using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedLLM.Numerics;

/// <summary>Converts spans between float32 and bfloat16, the upper half of a float32, which is kept as its 16 bits.</summary>
/// <remarks>Every instruction set gives the same bits. Source and destination must not overlap.</remarks>
public static class BFloat16
{
    /// <summary>Widens every element exactly: its bits become the upper half of a float32 whose lower half is 0.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="source"/>.</exception>
    public static void Widen(ReadOnlySpan<ushort> source, Span<float> destination)
    {
        Check(source.Length, destination.Length);
        ref ushort from = ref MemoryMarshal.GetReference(source);
        ref float to = ref MemoryMarshal.GetReference(destination);
        int whole = source.Length & ~31;
        for (nuint i = 0; i < (nuint)whole; i += 32)
        {
            var (low, high) = Vector512.Widen(Vector512.LoadUnsafe(ref from, i));
            Vector512.ShiftLeft(low, 16).AsSingle().StoreUnsafe(ref to, i);
            Vector512.ShiftLeft(high, 16).AsSingle().StoreUnsafe(ref to, i + 16);
        }

        for (int i = whole; i < source.Length; i++)
        {
            destination[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }
    }

    /// <summary>Rounds every element to the nearest bfloat16, ties to even; beyond the largest it becomes ±∞, and a NaN stays a (quiet) NaN of the same sign.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is shorter than <paramref name="source"/>.</exception>
    public static void Narrow(ReadOnlySpan<float> source, Span<ushort> destination)
    {
        Check(source.Length, destination.Length);
        ref float from = ref MemoryMarshal.GetReference(source);
        ref ushort to = ref MemoryMarshal.GetReference(destination);
        int whole = source.Length & ~31;
        for (nuint i = 0; i < (nuint)whole; i += 32)
        {
            Vector512<uint> low = Round(Vector512.LoadUnsafe(ref from, i));
            Vector512<uint> high = Round(Vector512.LoadUnsafe(ref from, i + 16));
            Vector512.Narrow(low, high).StoreUnsafe(ref to, i);
        }

        for (int i = whole; i < source.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(source[i]);
            destination[i] = (ushort)(float.IsNaN(source[i]) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
        }
    }

    private static Vector512<uint> Round(Vector512<float> value)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> upper = bits >>> 16;
        Vector512<uint> rounded = (bits + Vector512.Create(0x7FFFU) + (upper & Vector512<uint>.One)) >>> 16;
        return Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, upper | Vector512.Create(0x40U));
    }

    private static void Check(int length, int room)
    {
        if (room < length)
        {
            throw new ArgumentException($"The destination holds {room} elements, the source {length}.", "destination");
        }
    }
}
