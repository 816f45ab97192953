using System.CommandLine;

namespace FedLLM.Cli.Commands;

/// <summary>A command of the contract that is not built yet: whatever its arguments, it says so and exits 2.</summary>
internal sealed class PlannedCommand : Command
{
    /// <summary>Makes the command; <paramref name="description"/> is what it will do.</summary>
    public PlannedCommand(string name, string description)
        : base(name, $"{description} (Not built yet.)") => SetAction(int (_) => throw Refusal($"fedllm {name}"));

    /// <summary>The commands that are not built yet.</summary>
    public static IEnumerable<PlannedCommand> All() =>
    [
        new("compare", "Compare runs."),
    ];

    /// <summary>What to throw where something that is not built yet is asked for.</summary>
    public static UsageException Refusal(string what) => new($"{what} is not built yet");
}
