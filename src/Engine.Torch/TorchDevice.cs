using System.Runtime.InteropServices;
using FedLLM.Engine.Torch.Memory;
using TorchSharp;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch;

/// <summary>A device that Torch computes on.</summary>
public sealed class TorchDevice
{
    /// <summary>
    /// Names a folder with libLibTorchSharp and the libraries of LibTorch it needs, for a program that was built without them.
    /// </summary>
    public const string LibraryVariable = "FEDLLM_LIBTORCH";

    private static readonly Lazy<string?> Loading = new(Load);

    // In the order in which they are loaded; the first tells whether a folder holds them. Those of CUDA are there only in its build.
    private static readonly string[] Libraries =
        OperatingSystem.IsWindows() ? ["torch_cpu.dll", "torch_cuda.dll", "LibTorchSharp.dll"]
        : OperatingSystem.IsMacOS() ? ["libtorch_cpu.dylib", "libLibTorchSharp.dylib"]
        : ["libtorch_cpu.so", "libtorch_cuda.so", "libLibTorchSharp.so"];

    private TorchDevice(string name, Device device, IDeviceMemory memory) => (Name, Device, Memory) = (name, device, memory);

    /// <summary>Its name: <c>torch-cpu</c>, <c>cuda:0</c>.</summary>
    public string Name { get; }

    /// <summary>Whether it is a GPU.</summary>
    public bool IsGpu => Device.type != DeviceType.CPU;

    /// <summary>Why Torch cannot be used here, in one line; null where it can.</summary>
    public static string? Missing => Loading.Value;

    /// <summary>Number of GPUs that Torch can use here; 0 where there is no library.</summary>
    public static int Gpus => Missing is null && TryInitializeDeviceType(DeviceType.CUDA) && cuda.is_available() ? cuda.device_count() : 0;

    /// <summary>Torch's CPU.</summary>
    /// <exception cref="InvalidOperationException">No native library is found.</exception>
    public static TorchDevice Cpu => Missing is null ? new TorchDevice("torch-cpu", torch.CPU, new HostMemory()) : throw new InvalidOperationException(Missing);

    /// <summary>A GPU.</summary>
    /// <exception cref="InvalidOperationException">Torch cannot use it; the message says why.</exception>
    public static TorchDevice Gpu(int index = 0)
    {
        if (Missing is { } missing)
        {
            throw new InvalidOperationException(missing);
        }

        int gpus = Gpus;
        return index < gpus
            ? new TorchDevice($"cuda:{index}", torch.device(DeviceType.CUDA, index), new CudaMemory(index))
            : throw new InvalidOperationException(
                gpus == 0 ? "Torch finds no CUDA device it can use: the driver or the CUDA build of LibTorch is missing." : $"There is no CUDA device {index}: Torch finds {gpus}.");
    }

    /// <summary>Computes something small, and returns itself.</summary>
    /// <exception cref="InvalidOperationException">It does not compute; the message says why.</exception>
    public TorchDevice Tried()
    {
        const int Size = 16;
        try
        {
            using DisposeScope scope = torch.NewDisposeScope();
            torch.Tensor ones = torch.ones([Size, Size], torch.ScalarType.Float32, Device);
            return ones.matmul(ones).cpu().data<float>().All(v => v == Size)
                ? this
                : throw new InvalidOperationException($"{Name} computes a wrong product.");
        }
        catch (ExternalException e)
        {
            throw new InvalidOperationException($"{Name} does not compute: {e.Message.Split('\n')[0]}", e);
        }
    }

    /// <summary>Torch's CPU with another account of its memory, for tests.</summary>
    internal static TorchDevice CpuWith(IDeviceMemory memory) => new(Cpu.Name, torch.CPU, memory);

    internal Device Device { get; }

    internal IDeviceMemory Memory { get; }

    // The libraries are loaded here, before Torch looks for them itself: where one cannot be loaded, it would copy all of them from a package cache, and tell nothing of
    // the reason.
    private static string? Load()
    {
        string? folder = Folder();
        if (folder is null)
        {
            return $"no native library of Torch is found: this program was built without one, and {LibraryVariable} names no folder (docs/gpu.md)";
        }

        try
        {
            foreach (string path in Libraries.Select(name => Path.Combine(folder, name)).Where(File.Exists))
            {
                NativeLibrary.Load(path);
            }

            _ = torch.get_num_threads();
            return null;
        }
        catch (Exception e) when (e is TypeInitializationException or DllNotFoundException or NotSupportedException or BadImageFormatException)
        {
            return $"no native library of Torch is found: that in {folder} does not load here ({Reason((e.InnerException ?? e).Message)})";
        }
    }

    // Beside the program, as a build or a publication leaves them, or where the variable says.
    private static string? Folder()
    {
        string[] own = [Path.Combine(AppContext.BaseDirectory, "runtimes", System(), "native"), AppContext.BaseDirectory];
        return own.FirstOrDefault(f => File.Exists(Path.Combine(f, Libraries[0])))
            ?? (Environment.GetEnvironmentVariable(LibraryVariable) is { Length: > 0 } named ? named : null);
    }

    private static string System() =>
        OperatingSystem.IsWindows() ? "win-x64" : OperatingSystem.IsMacOS() ? "osx-arm64" : "linux-x64";

    // The loader's message begins with what every platform says about any library; the reason is in the lines behind.
    private static string Reason(string message)
    {
        string[] lines = [.. message.Split('\n').Select(l => l.Trim()).Where(l => l.Length > 0)];
        return (lines.FirstOrDefault(l => l.Contains("not found", StringComparison.Ordinal) || l.Contains("cannot open", StringComparison.Ordinal)) ?? lines.FirstOrDefault() ?? "no reason given").TrimEnd('.');
    }
}
