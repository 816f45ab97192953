namespace FedLLM.Engine.Torch.Tests;

/// <summary>Skips what needs Torch where no native library of it is found.</summary>
internal static class NativeLibraryOfTorch
{
    /// <summary>Torch's CPU; skips the calling test where there is none.</summary>
    public static TorchDevice Require()
    {
        Skip.If(TorchDevice.Missing is not null, TorchDevice.Missing);
        return TorchDevice.Cpu;
    }
}
