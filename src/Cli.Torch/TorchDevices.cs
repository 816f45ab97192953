using FedLLM.Engine.Torch;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Torch;

/// <summary>The CPU engine and the Torch engine. <c>auto</c> is the first GPU where it computes, else the CPU engine.</summary>
public sealed class TorchDevices : ILearnerDevices
{
    /// <inheritdoc/>
    public LearnerDevice Find(DeviceKind kind, string key = "model.device")
    {
        switch (kind)
        {
            case DeviceKind.Cuda:
                return Torch(FirstGpu, $"{key} is cuda");
            case DeviceKind.TorchCpu:
                return Torch(() => TorchDevice.Cpu, $"{key} is torch-cpu") with { Note = GpuPresence.Unused($"{key} is torch-cpu") };
            case DeviceKind.Auto:
                try
                {
                    return Of(FirstGpu());
                }
                catch (InvalidOperationException e)
                {
                    return LearnerDevice.Cpu(GpuPresence.Unused(e.Message.TrimEnd('.')));
                }

            default:
                return LearnerDevice.Cpu(GpuPresence.Unused($"{key} is cpu"));
        }
    }

    private static TorchDevice FirstGpu() => TorchDevice.Gpu().Tried();

    private static LearnerDevice Of(TorchDevice device) => new(device.Name, (weights, quantization) => new TorchLearner(weights, device, quantization));

    private static LearnerDevice Torch(Func<TorchDevice> find, string asked)
    {
        try
        {
            return Of(find());
        }
        catch (InvalidOperationException e)
        {
            throw new DeviceUnavailableException($"{asked}, but {e.Message.TrimEnd('.')}. Use auto, or see docs/gpu.md");
        }
    }
}
