using FedLLM.Engine;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Torch;
using FedLLM.Engine.Torch.Tests;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using FedLLM.Silo.Hosting;
using FedLLM.TestSupport;

namespace FedLLM.Silo.Torch.Tests;

/// <summary>What a silo with the Torch engine trains on.</summary>
public sealed class TorchTrainingDevicesTests
{
    private static readonly TorchTrainingDevices Devices = new();

    [Fact]
    public void Find_Cpu_IsTheCpuEngine()
    {
        TrainingDevice device = Assert.Single(Devices.Find("cpu"));
        Assert.Equal(("cpu", "cpu"), (device.Name, device.Kind));
        Assert.Equal(NumericsVersion.Current, Prepare(device, "model.device=cpu").Inputs.Numerics);
    }

    [SkippableFact]
    public void Find_TorchCpu_IsTorchForRunsThatAskForIt_AndTheCpuEngineForOthers()
    {
        NativeLibraryOfTorch.Require();
        TrainingDevice device = Assert.Single(Devices.Find("torch-cpu"));
        Assert.Equal(("torch-cpu", "torch-cpu"), (device.Name, device.Kind));
        using ILearner learner = Prepare(device, "model.device=torch-cpu").Learner;
        Assert.Equal(TorchLearner.NumericsVersion, learner.Numerics);
        Assert.Equal(NumericsVersion.Current, Prepare(device, "model.device=auto").Inputs.Numerics);
        Assert.Throws<DeviceUnavailableException>(() => Prepare(device, "model.device=cuda"));
    }

    [SkippableTheory]
    [InlineData("cuda")]
    [InlineData("cuda:0")]
    [InlineData("cuda:7")]
    [InlineData("cuda:x")]
    [InlineData("gpu")]
    public void Find_NoSuchDevice_SaysSo(string name)
    {
        Skip.If(TorchDevice.Missing is null && TorchDevice.Gpus > 0, "A GPU is here.");
        DeviceUnavailableException error = Assert.Throws<DeviceUnavailableException>(() => Devices.Find(name));
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Build_DeviceThatIsNotThere_IsAWrongSetting()
    {
        SiloSettingsException refused = Assert.Throws<SiloSettingsException>(() => SiloHost.Build(["--devices", "cuda:99"], Devices));
        Assert.Contains("Silo:Devices: cuda:99", refused.Message, StringComparison.Ordinal);
    }

    private static PreparedExperiment Prepare(TrainingDevice device, string setting) => PreparedExperiment.Prepare(
        ExperimentFile.Read(Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml"), [setting]), devices: device.Devices);
}
