using System.Runtime.InteropServices;
using FedLLM.Numerics;

namespace FedLLM.Engine.Files;

/// <summary>Converts between the float formats of files and float32.</summary>
internal static class FloatConversion
{
    /// <summary>Widens or rounds little-endian elements to float32: F16 and BF16 exactly, F64 to the nearest (ties to even).</summary>
    /// <param name="type">F64, F32, F16 or BF16.</param>
    /// <param name="source">The elements' bytes, <paramref name="destination"/>.Length of them.</param>
    /// <param name="destination">The values.</param>
    public static void ToFloat32(TensorType type, ReadOnlySpan<byte> source, Span<float> destination)
    {
        switch (type)
        {
            case TensorType.F32:
                source.CopyTo(MemoryMarshal.AsBytes(destination));
                break;
            case TensorType.BF16:
                BFloat16.Widen(MemoryMarshal.Cast<byte, ushort>(source), destination);
                break;
            case TensorType.F16:
                ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(source);
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)halves[i];
                }

                break;
            case TensorType.F64:
                ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(source);
                for (int i = 0; i < destination.Length; i++)
                {
                    destination[i] = (float)doubles[i];
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Not a float type.");
        }
    }

    /// <summary>Rounds float32 to the type's little-endian elements, to the nearest, ties to even; beyond the type's range lies infinity.</summary>
    /// <param name="type">F32, F16 or BF16.</param>
    /// <param name="source">The values.</param>
    /// <param name="destination">Their bytes.</param>
    public static void FromFloat32(TensorType type, ReadOnlySpan<float> source, Span<byte> destination)
    {
        switch (type)
        {
            case TensorType.F32:
                MemoryMarshal.AsBytes(source).CopyTo(destination);
                break;
            case TensorType.BF16:
                BFloat16.Narrow(source, MemoryMarshal.Cast<byte, ushort>(destination));
                break;
            case TensorType.F16:
                Span<Half> halves = MemoryMarshal.Cast<byte, Half>(destination);
                for (int i = 0; i < source.Length; i++)
                {
                    halves[i] = (Half)source[i];
                }

                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(type), type, "Weights are not written in this type.");
        }
    }
}
