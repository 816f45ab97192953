using System.Globalization;

namespace FedLLM.Benchmarks;

/// <summary>The process's resident memory as Linux counts it.</summary>
internal static class ResidentMemory
{
    /// <summary>Bytes now.</summary>
    public static long Now => Status("VmRSS");

    /// <summary>Most bytes since the process began, or since <see cref="ForgetPeak"/>.</summary>
    public static long Peak => Status("VmHWM");

    /// <summary>Lets the peak begin here.</summary>
    public static void ForgetPeak() => File.WriteAllText("/proc/self/clear_refs", "5");

    // Bytes, from a line such as "VmRSS:   123456 kB".
    private static long Status(string name) => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(l => l.StartsWith(name + ":", StringComparison.Ordinal))[(name.Length + 1)..^2], CultureInfo.InvariantCulture);
}
