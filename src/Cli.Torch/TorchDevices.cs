using FedLLM.Engine.Learners;
using FedLLM.Engine.Torch;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Torch;

/// <summary>The CPU engine and the Torch engine. <c>auto</c> is the first GPU where Torch can use one, else the CPU engine.</summary>
public sealed class TorchDevices : ILearnerDevices
{
    /// <inheritdoc/>
    public LearnerDevice Find(DeviceKind kind)
    {
        switch (kind)
        {
            case DeviceKind.Cuda:
                return Torch(() => TorchDevice.Gpu(), "cuda");
            case DeviceKind.TorchCpu:
                return Torch(() => TorchDevice.Cpu, "torch-cpu") with { Note = GpuPresence.IsPresent() ? "a GPU is present but unused: model.device is torch-cpu" : null };
            case DeviceKind.Auto when TorchDevice.Gpus > 0:
                return Torch(() => TorchDevice.Gpu(), "cuda");
            default:
                string why = kind == DeviceKind.Cpu ? "model.device is cpu" : TorchDevice.Missing ?? "Torch finds no CUDA device it can use";
                return new LearnerDevice("cpu", weights => new CpuLearner(weights), GpuPresence.IsPresent() ? $"a GPU is present but unused: {why}" : null);
        }
    }

    private static LearnerDevice Torch(Func<TorchDevice> find, string key)
    {
        try
        {
            TorchDevice device = find();
            return new LearnerDevice(device.Name, weights => new TorchLearner(weights, device));
        }
        catch (InvalidOperationException e)
        {
            throw new DeviceUnavailableException($"model.device is {key}, but {e.Message.TrimEnd('.')}. Use auto, or see docs/gpu.md");
        }
    }
}
