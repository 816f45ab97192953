using System.Diagnostics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics.Tests;

/// <summary>Every kernel gives the same bits with the machine's widest vectors, with AVX2, with SSE and without any.</summary>
public sealed class InstructionSetTests
{
    // The runtime's switch, what must be gone under it.
    public static TheoryData<string, string> Switches => new()
    {
        { "DOTNET_EnableAVX512", "avx512=False" },
        { "DOTNET_EnableAVX2", "avx2=False fma=False" },
        { "DOTNET_EnableHWIntrinsic", "avx512=False avx2=False fma=False" },
    };

    [SkippableTheory]
    [MemberData(nameof(Switches))]
    public void AllKernels_InstructionSetSwitchedOff_GiveTheSameBits(string name, string gone)
    {
        Skip.IfNot(Sse2.IsSupported, "The switches are those of x64.");
        string[] lines = RunSelf(name);
        Assert.Contains(gone, lines[0]);
        Assert.Equal(KernelDigest.Compute(), lines[1..]);
    }

    private static string[] RunSelf(string off)
    {
        string host = Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet";
        var start = new ProcessStartInfo(host, ["exec", typeof(InstructionSetTests).Assembly.Location]) { RedirectStandardOutput = true };
        start.Environment[off] = "0";
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        return output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
