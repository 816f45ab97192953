using System.Runtime.InteropServices;

namespace FedLLM.Engine.Torch.Memory;

/// <summary>
/// The memory of a CUDA device, as its driver tells: TorchSharp has no call for it. What Torch's allocator keeps for later counts as taken. Where the driver cannot be
/// asked, nothing is known, and lanes are admitted by estimate alone.
/// </summary>
/// <remarks>CUDA driver API: cuDevicePrimaryCtxRetain, cuMemGetInfo. Torch computes in the same primary context; ordinals follow CUDA_VISIBLE_DEVICES in both.</remarks>
internal sealed class CudaMemory : IDeviceMemory
{
    // Share of what is free that lanes may fill: the rest is for what no estimate sees, such as the libraries' workspaces.
    private const double Share = 0.9;

    private readonly Driver? _driver;
    private readonly nint _context;

    /// <summary>Opens the driver's view of device <paramref name="ordinal"/>.</summary>
    public CudaMemory(int ordinal)
    {
        _driver = Driver.TryLoad();
        if (_driver is not null
            && (_driver.Init(0) != 0 || _driver.DeviceGet(out int device, ordinal) != 0 || _driver.RetainContext(out _context, device) != 0))
        {
            _driver = null;
        }
    }

    /// <inheritdoc/>
    public long? Used() => Ask() is { } memory ? memory.Total - memory.Free : null;

    /// <inheritdoc/>
    public long Available() => Ask() is { } memory ? (long)(Share * memory.Free) : new HostMemory().Available();

    private (long Free, long Total)? Ask()
    {
        if (_driver is null || _driver.PushContext(_context) != 0)
        {
            return null;
        }

        int failure = _driver.MemoryInfo(out nuint free, out nuint total);
        _driver.PopContext(out _);
        return failure == 0 ? ((long)free, (long)total) : null;
    }

    private sealed record Driver(
        Driver.InitCall Init, Driver.DeviceGetCall DeviceGet, Driver.RetainCall RetainContext, Driver.PushCall PushContext, Driver.PopCall PopContext,
        Driver.MemoryInfoCall MemoryInfo)
    {
        public delegate int InitCall(uint flags);

        public delegate int DeviceGetCall(out int device, int ordinal);

        public delegate int RetainCall(out nint context, int device);

        public delegate int PushCall(nint context);

        public delegate int PopCall(out nint context);

        public delegate int MemoryInfoCall(out nuint free, out nuint total);

        public static Driver? TryLoad()
        {
            if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out nint library))
            {
                return null;
            }

            T? Find<T>(string name)
                where T : Delegate => NativeLibrary.TryGetExport(library, name, out nint address) ? Marshal.GetDelegateForFunctionPointer<T>(address) : null;

            return Find<InitCall>("cuInit") is { } init && Find<DeviceGetCall>("cuDeviceGet") is { } device && Find<RetainCall>("cuDevicePrimaryCtxRetain") is { } retain
                && Find<PushCall>("cuCtxPushCurrent_v2") is { } push && Find<PopCall>("cuCtxPopCurrent_v2") is { } pop && Find<MemoryInfoCall>("cuMemGetInfo_v2") is { } info
                    ? new Driver(init, device, retain, push, pop, info)
                    : null;
        }
    }
}
