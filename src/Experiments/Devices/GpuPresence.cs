namespace FedLLM.Experiments.Devices;

/// <summary>Tells whether this machine has an NVIDIA GPU with a driver, by the driver's files alone: no library is loaded.</summary>
public static class GpuPresence
{
    // The driver's device on Linux, its library under WSL, its library on Windows.
    private static readonly string[] Files =
    [
        "/dev/nvidia0", "/usr/lib/wsl/lib/libcuda.so.1", Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.System), "nvcuda.dll"),
    ];

    /// <summary>Whether there is one.</summary>
    public static bool IsPresent() => IsPresent(File.Exists);

    /// <summary>What a person should know where nothing computes on a GPU that is present; null where there is none.</summary>
    /// <param name="why">The reason, such as a setting.</param>
    public static string? Unused(string why) => Unused(IsPresent(), why);

    /// <summary>As <see cref="Unused(string)"/>, of a GPU that is present or not.</summary>
    internal static string? Unused(bool isPresent, string why) => isPresent ? $"a GPU is present but unused: {why}" : null;

    /// <summary>As <see cref="IsPresent()"/>, by another look at files.</summary>
    internal static bool IsPresent(Func<string, bool> exists) => Files.Any(exists);
}
