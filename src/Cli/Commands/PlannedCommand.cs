namespace FedLLM.Cli.Commands;

/// <summary>What the command line will offer and does not yet.</summary>
internal static class PlannedCommand
{
    /// <summary>What to throw where something that is not built yet is asked for.</summary>
    public static UsageException Refusal(string what) => new($"{what} is not built yet");
}
