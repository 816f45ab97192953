using System.CommandLine;
using System.CommandLine.Invocation;
using System.Reflection;
using FedLLM.Cli.Commands;
using FedLLM.Cli.Hosting;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Cli;

/// <summary>The command line: parses it, runs the command, and turns whatever happens into lines and an exit code.</summary>
internal static class CommandLine
{
    private const string Name = "fedllm";

    // A prompt may begin with '@': nothing on the command line names a file of further arguments.
    private static readonly ParserConfiguration Parsing = new() { ResponseFileTokenReplacer = null };

    /// <summary>Runs <paramref name="args"/> and returns the exit code.</summary>
    /// <param name="args">The arguments behind the program's name.</param>
    /// <param name="terminal">Where results, progress and errors go.</param>
    /// <param name="cancellationToken">Asks the command to end after its current step.</param>
    public static async Task<int> RunAsync(IReadOnlyList<string> args, Terminal terminal, CancellationToken cancellationToken)
    {
        RootCommand root = Root(terminal);
        if (args.Count == 0)
        {
            root.Parse(["--help"], Parsing).Invoke(new InvocationConfiguration { Output = terminal.Error });
            return ExitCode.Usage;
        }

        ParseResult parsed = root.Parse(args, Parsing);
        if (parsed.Action is null or ParseErrorAction)
        {
            return ReportUsage(parsed, terminal);
        }

        var invocation = new InvocationConfiguration
        {
            Output = terminal.Out,
            Error = terminal.Error,
            EnableDefaultExceptionHandler = false,
            ProcessTerminationTimeout = null, // Interruption listens to signals
        };
        try
        {
            return await parsed.InvokeAsync(invocation, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            return Failure.Report(e, terminal, cancellationToken.IsCancellationRequested);
        }
    }

    private static RootCommand Root(Terminal terminal)
    {
        var root = new RootCommand("Fine-tunes language models with LoRA on data that stays where it is: many clients, one adapter.")
        {
            DemoCommand.Create(terminal),
            RunCommand.Create(terminal),
            StatusCommand.Create(terminal),
            VerifyCommand.Create(terminal),
            AdapterCommand.Create(terminal),
            DashboardCommand.Create(terminal),
            CompareCommand.Create(terminal),
            EvaluateCommand.Create(terminal),
            GenerateCommand.Create(terminal),
            TokenizeCommand.Create(terminal),
            PretrainCommand.Create(terminal),
            MergeCommand.Create(terminal),
            PartitionCommand.Create(terminal),
        };
        foreach (Command command in ClusterCommands.All(terminal))
        {
            root.Subcommands.Add(command);
        }

        VersionOption version = root.Options.OfType<VersionOption>().Single();
        version.Description = "Show the version.";
        version.Action = new ShowVersion();
        return root;
    }

    // One line for each defect, then where to read more.
    private static int ReportUsage(ParseResult parsed, Terminal terminal)
    {
        Command command = parsed.CommandResult.Command;
        string called = command is RootCommand ? Name : $"{Name} {command.Name}";
        string[] unknown = [.. parsed.UnmatchedTokens];
        string[] options = [.. unknown.Where(t => t.StartsWith('-'))];
        if (options.Length > 0)
        {
            // What follows an unknown option is most likely its value.
            foreach (string option in options)
            {
                string given = option.Split('=', 2)[0];
                string nearest = NearestName.Find(given, string.Empty, OptionNames(command));
                Tell($"unknown option {given}; the nearest known one is {nearest}");
            }
        }
        else if (unknown.Length > 0 && command.Subcommands.Count > 0)
        {
            string nearest = NearestName.Find(unknown[0], string.Empty, command.Subcommands.Select(c => c.Name));
            Tell($"unknown command {unknown[0]}; the nearest known one is {nearest}");
        }
        else
        {
            foreach (string message in parsed.Errors.Select(e => e.Message).Distinct())
            {
                Tell(message);
            }
        }

        terminal.Error.WriteLine($"See: {called} --help");
        return ExitCode.Usage;

        void Tell(string message) => terminal.Error.WriteLine("error: " + Failure.OneLine(message));
    }

    private static IEnumerable<string> OptionNames(Command command) =>
        command.Options.Select(o => o.Name).Concat(command is RootCommand ? [] : ["--help"]);

    private sealed class ShowVersion : SynchronousCommandLineAction
    {
        public override int Invoke(ParseResult parseResult)
        {
            Version version = Assembly.GetExecutingAssembly().GetName().Version!;
            parseResult.InvocationConfiguration.Output.WriteLine($"{Name} {version.ToString(3)}");
            return ExitCode.Done;
        }
    }
}
