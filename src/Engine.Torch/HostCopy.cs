using TorchSharp;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch;

/// <summary>
/// Copies small arrays to a device without waiting for it. From memory that the system may move, a copy to a GPU would wait until everything before it is done; from pinned
/// memory it is queued like any product.
/// </summary>
internal static class HostCopy
{
    /// <summary>Copies indices, as 64-bit integers.</summary>
    public static Tensor Indices(ReadOnlySpan<int> values, Device device)
    {
        long[] wide = new long[values.Length];
        for (int i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return Move(tensor(wide), device);
    }

    /// <summary>Copies float32 values.</summary>
    public static Tensor Floats(float[] values, Device device) => Move(tensor(values), device);

    /// <summary>Copies float64 values.</summary>
    public static Tensor Doubles(double[] values, Device device) => Move(tensor(values), device);

    private static Tensor Move(Tensor host, Device device)
    {
        if (device.type == DeviceType.CPU)
        {
            return host;
        }

        using (host)
        using (Tensor pinned = host.pin_memory())
        {
            return pinned.to(device, non_blocking: true);
        }
    }
}
