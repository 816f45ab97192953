using FedLLM.Engine.Torch;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Torch;

/// <summary>The CPU engine and the Torch engine. <c>auto</c> is the first GPU where Torch can use one, else the CPU engine.</summary>
public sealed class TorchDevices : ILearnerDevices
{
    /// <inheritdoc/>
    public LearnerDevice Find(DeviceKind kind, string key = "model.device")
    {
        switch (kind)
        {
            case DeviceKind.Cuda:
            case DeviceKind.Auto when TorchDevice.Gpus > 0:
                return Torch(() => TorchDevice.Gpu(), $"{key} is cuda");
            case DeviceKind.TorchCpu:
                return Torch(() => TorchDevice.Cpu, $"{key} is torch-cpu") with { Note = Unused($"{key} is torch-cpu") };
            default:
                return LearnerDevice.Cpu(Unused(kind == DeviceKind.Cpu ? $"{key} is cpu" : TorchDevice.Missing ?? "Torch finds no CUDA device it can use"));
        }
    }

    private static string? Unused(string why) => GpuPresence.IsPresent() ? $"a GPU is present but unused: {why}" : null;

    private static LearnerDevice Torch(Func<TorchDevice> find, string asked)
    {
        try
        {
            TorchDevice device = find();
            return new LearnerDevice(device.Name, (weights, quantization) => new TorchLearner(weights, device, quantization));
        }
        catch (InvalidOperationException e)
        {
            throw new DeviceUnavailableException($"{asked}, but {e.Message.TrimEnd('.')}. Use auto, or see docs/gpu.md");
        }
    }
}
