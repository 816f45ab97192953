using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Grains.Tests;

/// <summary>The CPU engine under the names of some kinds of device. Any other is refused, as on a silo that lacks it.</summary>
/// <param name="kinds">The kinds.</param>
internal sealed class PretendedDevices(IReadOnlyList<string> kinds) : ILearnerDevices
{
    public LearnerDevice Find(DeviceKind kind, string key = "model.device") => kinds.Contains(kind == DeviceKind.Auto ? "cpu" : DeviceNames.Of(kind), StringComparer.Ordinal)
        ? LearnerDevice.Cpu(null)
        : throw new DeviceUnavailableException($"{key} is {DeviceNames.Of(kind)}, which this silo has not");
}
