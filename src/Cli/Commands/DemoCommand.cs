using System.CommandLine;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm demo</c>.</summary>
internal static class DemoCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create() => new PlannedCommand("demo", "Show the whole story on the data and the tiny base model that the project ships.");
}
