using FedLLM.Engine;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using FedLLM.Experiments.Tests.Running;

namespace FedLLM.Experiments.Tests.Devices;

public sealed class CpuDevicesTests
{
    [Theory]
    [InlineData(DeviceKind.Auto)]
    [InlineData(DeviceKind.Cpu)]
    public void Find_CpuOrAuto_IsTheCpuEngine_AndTellsOfAnUnusedGpu(DeviceKind kind)
    {
        Assert.Null(new CpuDevices(gpuIsPresent: false).Find(kind).Note);
        LearnerDevice device = new CpuDevices(gpuIsPresent: true).Find(kind);
        Assert.Equal("cpu", device.Name);
        Assert.StartsWith("a GPU is present but unused", device.Note, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_DeviceOfAnotherProgram_IsRefusedBeforeAnythingIsRead()
    {
        DeviceUnavailableException error = Assert.Throws<DeviceUnavailableException>(
            () => PreparedExperiment.Prepare(DemoAssets.Experiment("model.device=cuda", "model.path=nowhere")));
        Assert.Contains("fedllm-torch", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Prepare_RecordsItsEngine() => Assert.Equal(NumericsVersion.Current, PreparedExperiment.Prepare(DemoAssets.Experiment()).Inputs.Numerics);

    [Fact]
    public void GpuPresence_IsTheDriversFile()
    {
        Assert.True(GpuPresence.IsPresent(path => path == "/dev/nvidia0"));
        Assert.False(GpuPresence.IsPresent(_ => false));
    }
}
