using System.Globalization;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Tokenizers;
using FedLLM.Engine.Torch;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Silo.Torch;

/// <summary>The CPU engine, Torch's CPU, and every GPU that Torch can use, each a device of its own.</summary>
public sealed class TorchTrainingDevices : ITrainingDevices
{
    private const string Cuda = "cuda";
    private readonly CpuTrainingDevices _cpu = new();

    /// <summary>Rank files too.</summary>
    public TokenizerLoader Tokenizers => RankFileDirectory.Load;

    /// <inheritdoc/>
    public IReadOnlyList<string> Kinds { get; } = [.. DeviceNames.Kinds.Where(k => k.Value != DeviceKind.Auto).Select(k => k.Name)];

    /// <inheritdoc/>
    public IReadOnlyList<TrainingDevice> Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == DeviceNames.Of(DeviceKind.TorchCpu))
        {
            return [Torch(name, DeviceKind.TorchCpu, () => TorchDevice.Cpu)];
        }

        if (name != Cuda && !name.StartsWith(Cuda + ":", StringComparison.Ordinal))
        {
            return _cpu.Find(name);
        }

        if (name == Cuda)
        {
            // Where there is none, the first says why.
            return [.. Enumerable.Range(0, Math.Max(1, TorchDevice.Gpus)).Select(Gpu)];
        }

        return int.TryParse(name[(Cuda.Length + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out int index)
            ? [Gpu(index)]
            : throw new DeviceUnavailableException($"'{name}' names no device; a GPU is called cuda:0, cuda:1, …");
    }

    private static TrainingDevice Gpu(int index) => Torch(string.Create(CultureInfo.InvariantCulture, $"{Cuda}:{index}"), DeviceKind.Cuda, () => TorchDevice.Gpu(index).Tried());

    private static TrainingDevice Torch(string name, DeviceKind kind, Func<TorchDevice> find)
    {
        try
        {
            return new TrainingDevice(name, DeviceNames.Of(kind), new OneDevice(kind, find()));
        }
        catch (InvalidOperationException missing)
        {
            throw new DeviceUnavailableException($"{name} cannot be used: {missing.Message.TrimEnd('.')}");
        }
    }

    // Of its own kind the device; else the CPU engine, which is what auto means in a cluster.
    private sealed class OneDevice(DeviceKind own, TorchDevice device) : ILearnerDevices
    {
        public LearnerDevice Find(DeviceKind kind, string key = "model.device") => kind switch
        {
            _ when kind == own => new LearnerDevice(device.Name, (weights, quantization) => new TorchLearner(weights, device, quantization)),
            DeviceKind.Auto or DeviceKind.Cpu => LearnerDevice.Cpu(null),
            _ => throw new DeviceUnavailableException($"{key} is {DeviceNames.Of(kind)}, but this silo's device is {device.Name}"),
        };
    }
}
