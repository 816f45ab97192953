using FedLLM.Engine.Learners;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.Devices;

/// <summary>What experiment files and command lines call devices and quantisations.</summary>
public static class DeviceNames
{
    /// <summary>The kinds of device.</summary>
    public static IReadOnlyList<(string Name, DeviceKind Value)> Kinds { get; } =
        [("auto", DeviceKind.Auto), ("cpu", DeviceKind.Cpu), ("cuda", DeviceKind.Cuda), ("torch-cpu", DeviceKind.TorchCpu)];

    /// <summary>The ways to quantise base weights.</summary>
    public static IReadOnlyList<(string Name, WeightQuantization Value)> Quantizations { get; } =
        [("none", WeightQuantization.None), ("int8", WeightQuantization.Int8), ("nf4", WeightQuantization.Nf4)];

    /// <summary>The name of <paramref name="kind"/>.</summary>
    public static string Of(DeviceKind kind) => Kinds.First(k => k.Value == kind).Name;

    /// <summary>The name of <paramref name="quantization"/>.</summary>
    public static string Of(WeightQuantization quantization) => Quantizations.First(q => q.Value == quantization).Name;
}
