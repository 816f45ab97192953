using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Benchmarks;

/// <summary>Names the machine a result was measured on.</summary>
internal static class Machine
{
    /// <summary>Processor, cores, memory, instruction sets and runtime, in one line.</summary>
    public static string Describe()
    {
        string processor = File.Exists("/proc/cpuinfo")
            ? File.ReadLines("/proc/cpuinfo").FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown processor"
            : RuntimeInformation.ProcessArchitecture.ToString();
        string sets = Avx512F.IsSupported ? "AVX-512" : Fma.IsSupported ? "AVX2" : "portable";
        double memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return string.Create(
            CultureInfo.InvariantCulture, $"{processor}, {Environment.ProcessorCount} cores, {memory:F0} GiB, {sets}, {RuntimeInformation.FrameworkDescription}");
    }
}
