using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Tells instructions apart by everything that a client's update depends on: the global adapter alone may be the same in two rounds whose base corrections or
/// control variates differ.
/// </summary>
internal static class InstructionFingerprint
{
    /// <summary>Returns the SHA-256, lower-case hex, of what the whole cohort is told.</summary>
    public static string Of(RoundInstruction instruction) => Hash(instruction, instruction.PrivateStates.Keys);

    /// <summary>Returns the SHA-256, lower-case hex, of what one client is told.</summary>
    public static string Of(RoundInstruction instruction, int client) => Hash(instruction, instruction.PrivateStates.Keys.Where(c => c == client));

    private static string Hash(RoundInstruction instruction, IEnumerable<int> clients)
    {
        var text = new StringBuilder("fedllm instruction 1\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"""
            {instruction.RunId} {instruction.Round} {instruction.StateHash} {instruction.BaseCorrectionHash} {instruction.LearningRate:R}
            {instruction.Trained} {instruction.Uploaded} {instruction.ProximalMu:R} {instruction.UsesControlVariates} {instruction.ControlVariateHash}

            """);
        foreach (int client in clients.Order())
        {
            foreach ((string name, string hash) in instruction.PrivateStates[client].OrderBy(s => s.Key, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"{client} {name} {hash}\n");
            }
        }

        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
    }
}
