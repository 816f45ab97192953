using System.CommandLine;

namespace FedLLM.Cli.Commands;

/// <summary>Commands of the contract that are not built yet: they take any arguments, say so, and exit 2.</summary>
internal static class PlannedCommands
{
    private static readonly (string Name, string Description)[] Planned =
    [
        ("compare", "Compare runs."),
        ("verify", "Check a run directory from end to end."),
        ("dashboard", "Show runs in a browser."),
        ("partition", "Cut a dataset into shards."),
        ("merge", "Merge an adapter into its base model."),
    ];

    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> Create() => Planned.Select(p => Make(p.Name, p.Description));

    /// <summary>Makes one command that is not built yet.</summary>
    public static Command Make(string name, string description)
    {
        var command = new Command(name, $"{description} (Not built yet.)")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction(_ => Refuse($"fedllm {name}"));
        return command;
    }

    /// <summary>Refuses what is not built yet.</summary>
    /// <exception cref="UsageException">Always.</exception>
    public static int Refuse(string what) => throw new UsageException($"{what} is not built yet");
}
