using System.Runtime.InteropServices;
using FedLLM.Engine.Learners;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch;

/// <summary>Tells failures of a device from others, by what Torch says of them: it has one kind of exception for all.</summary>
internal static class DeviceFailures
{
    private static readonly string[] OfMemory = ["out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"];

    // After one of these, a CUDA context computes nothing any more. A memory that is too small is none of them.
    private static readonly string[] OfDevice = ["CUDA error", "CUDA driver error", "CUBLAS_STATUS", "CUDNN_STATUS", "device-side assert"];

    /// <summary>Whether memory ran out.</summary>
    public static bool IsOutOfMemory(ExternalException e) => Says(e, OfMemory);

    /// <summary>Whether the device has failed.</summary>
    public static bool IsOfDevice(ExternalException e) => !IsOutOfMemory(e) && Says(e, OfDevice);

    /// <summary>Does some work on a device.</summary>
    /// <exception cref="DeviceFailedException">The device has failed.</exception>
    /// <exception cref="InsufficientMemoryException">Its memory does not hold what the work needs.</exception>
    public static T Watch<T>(Device device, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (ExternalException e) when (IsOfDevice(e))
        {
            throw new DeviceFailedException(device.ToString(), e.Message.Split('\n')[0].TrimEnd('.'), e);
        }
        catch (ExternalException e) when (IsOutOfMemory(e))
        {
            throw new InsufficientMemoryException(
                $"The memory of {device} is too small. Set model.dtype: bfloat16 or model.quantization: nf4, lower data.max_length, or use a larger device.", e);
        }
    }

    /// <summary>As <see cref="Watch{T}"/>, of work without a result.</summary>
    public static void Watch(Device device, Action work) => Watch(device, () =>
    {
        work();
        return true;
    });

    private static bool Says(ExternalException e, string[] words) => words.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase));
}
