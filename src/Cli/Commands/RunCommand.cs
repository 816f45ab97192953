using System.CommandLine;
using FedLLM.Cli.Hosting;

namespace FedLLM.Cli.Commands;

internal static class RunCommand
{
    public static Command Create(Terminal terminal) => PlannedCommands.Make("run", "x");
}

internal static class StatusCommand
{
    public static Command Create(Terminal terminal) => PlannedCommands.Make("status", "x");
}
