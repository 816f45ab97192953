using System.Runtime.InteropServices;
using FedLLM.Engine.Learners;
using TorchSharp;

namespace FedLLM.Engine.Torch.Tests;

/// <summary>What Torch's one kind of exception means.</summary>
public sealed class DeviceFailuresTests
{
    [SkippableTheory]
    [InlineData("CUDA error: an illegal memory access was encountered")]
    [InlineData("CUDA error: device-side assert triggered\nCUDA kernel errors might be asynchronously reported")]
    [InlineData("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`")]
    public void Watch_DeviceFailure_IsSaidInOneLine(string message)
    {
        NativeLibraryOfTorch.Require();
        DeviceFailedException failure = Assert.Throws<DeviceFailedException>(
            () => DeviceFailures.Watch(torch.CPU, () => throw new ExternalException(message)));
        Assert.Equal("cpu", failure.Device);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Contains(message.Split('\n')[0], failure.Message, StringComparison.Ordinal);
    }

    [SkippableTheory]
    [InlineData("CUDA out of memory. Tried to allocate 2.00 GiB", true)]
    [InlineData("CUDA error: out of memory", true)]
    [InlineData("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`", true)]
    [InlineData("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.", true)]
    [InlineData("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", false)]
    public void Watch_OtherFailures_AreNoneOfTheDevice(string message, bool ofMemory)
    {
        NativeLibraryOfTorch.Require();
        var failure = new ExternalException(message);
        Assert.Equal(ofMemory, DeviceFailures.IsOutOfMemory(failure));
        Assert.False(DeviceFailures.IsOfDevice(failure));
        Exception thrown = Assert.ThrowsAny<Exception>(() => DeviceFailures.Watch(torch.CPU, () => throw failure));
        Assert.IsType(ofMemory ? typeof(InsufficientMemoryException) : typeof(ExternalException), thrown);
    }
}
