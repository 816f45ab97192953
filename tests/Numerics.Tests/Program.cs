namespace FedLLM.Numerics.Tests;

/// <summary>Prints the instruction sets this process has and the digest of every kernel's output; started by <see cref="InstructionSetTests"/>.</summary>
internal static class Program
{
    private static void Main()
    {
        Console.WriteLine(KernelDigest.InstructionSets());
        foreach (string line in KernelDigest.Compute())
        {
            Console.WriteLine(line);
        }
    }
}
