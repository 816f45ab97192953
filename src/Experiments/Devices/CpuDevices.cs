using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Devices;

/// <summary>The CPU engine alone.</summary>
/// <param name="gpuIsPresent">Whether the machine has a GPU.</param>
public sealed class CpuDevices(bool gpuIsPresent) : ILearnerDevices
{
    /// <summary>Those of this machine.</summary>
    public static CpuDevices OfThisMachine() => new(GpuPresence.IsPresent());

    /// <inheritdoc/>
    public LearnerDevice Find(DeviceKind kind, string key = "model.device") => kind is DeviceKind.Auto or DeviceKind.Cpu
        ? LearnerDevice.Cpu(GpuPresence.Unused(gpuIsPresent, "this program has the CPU engine alone; fedllm-torch has another (docs/gpu.md)"))
        : throw new DeviceUnavailableException(
            $"{key} is {DeviceNames.Of(kind)}, but this program has the CPU engine alone. Use cpu or auto, or run it with fedllm-torch (docs/gpu.md)");
}
