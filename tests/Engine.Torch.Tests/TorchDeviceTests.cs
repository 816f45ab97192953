namespace FedLLM.Engine.Torch.Tests;

/// <summary>Which devices there are.</summary>
public sealed class TorchDeviceTests
{
    [SkippableFact]
    public void Tried_DeviceThatComputes_IsItself()
    {
        TorchDevice device = NativeLibraryOfTorch.Require();
        Assert.Same(device, device.Tried());
    }

    [SkippableFact]
    public void Gpu_BeyondThoseThereAre_SaysHowManyThereAre()
    {
        NativeLibraryOfTorch.Require();
        InvalidOperationException error = Assert.Throws<InvalidOperationException>(() => TorchDevice.Gpu(TorchDevice.Gpus));
        Assert.Contains("CUDA device", error.Message, StringComparison.Ordinal);
    }
}
