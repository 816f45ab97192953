using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm compare</c>: what runs reached and what it cost, read without disturbing them.</summary>
internal static class CompareCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var directories = new Argument<string[]>("DIR")
        {
            Description = "Run directories, finished or not; the others are held against the first. A folder of clients' runs stands for all of them.",
            Arity = ArgumentArity.OneOrMore,
        };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("compare", "Compare what runs reached, against rounds, tokens, bytes and time.") { directories, json };
        command.SetAction(parsed =>
        {
            ComparedRun[] runs =
            [
                .. parsed.GetRequiredValue(directories)
                    .SelectMany(d => RunFamily.Members(d) is { Count: > 0 } members ? members : [d])
                    .Select(d => new ComparedRun(d, RunStatus.Read(d))),
            ];
            if (parsed.GetValue(json))
            {
                ComparisonReport.WriteJson(terminal.Out, runs);
            }
            else
            {
                ComparisonReport.Write(terminal.Out, terminal.OutIsScreen, runs);
            }

            return ExitCode.Done;
        });
        return command;
    }
}
