using System.Numerics;
using System.Runtime.InteropServices;
using FedLLM.Numerics;

namespace FedLLM.Federation.Aggregation;

/// <summary>The largest absolute values of an update: what its receipt declares.</summary>
/// <remarks>
/// The magnitudes of float32 are ordered as the integers that their bits are without the sign, NaN above infinity: so NaN and infinity
/// prevail, and the result depends on no order.
/// </remarks>
public static class TensorMagnitudes
{
    private const int WithoutSign = 0x7FFF_FFFF;

    /// <summary>Returns per tensor, in the layout's order, the largest |value|; NaN or infinity where the tensor holds one.</summary>
    public static float[] Of(TensorSet tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        return [.. tensors.Layout.Slots.Select(slot => Of(tensors[slot]))];
    }

    /// <summary>Returns the largest |value|; 0 of none; NaN or infinity where there is one.</summary>
    public static float Of(ReadOnlySpan<float> values)
    {
        ReadOnlySpan<int> bits = MemoryMarshal.Cast<float, int>(values);
        var mask = new Vector<int>(WithoutSign);
        Vector<int> largest = Vector<int>.Zero;
        int i = 0;
        for (; i <= bits.Length - Vector<int>.Count; i += Vector<int>.Count)
        {
            largest = Vector.Max(largest, new Vector<int>(bits[i..]) & mask);
        }

        int result = 0;
        for (int lane = 0; lane < Vector<int>.Count; lane++)
        {
            result = Math.Max(result, largest[lane]);
        }

        for (; i < bits.Length; i++)
        {
            result = Math.Max(result, bits[i] & WithoutSign);
        }

        return BitConverter.Int32BitsToSingle(result);
    }
}
