using System.CommandLine;
using System.CommandLine.Parsing;
using FedLLM.Cli.Dashboards;
using FedLLM.Cli.Hosting;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.RunDirectories;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm dashboard</c>: shows finished and running run directories in a browser until it is interrupted.</summary>
internal static class DashboardCommand
{
    private const string TokenVariable = "FEDLLM_DASHBOARD_TOKEN";

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var directories = new Argument<string[]>("DIR")
        {
            Description = "Run directories, or folders that hold run directories. Default: runs.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var urls = new Option<string?>("--urls")
        {
            Description = $"Where to listen. Any address but a loopback one asks whoever enters for ${TokenVariable}, or prints a link for one use. Default: {DashboardServer.UsualUrl}.",
            HelpName = "URL",
        };
        urls.Validators.Add(CheckUrl);
        var command = new Command("dashboard", "Show runs in a browser.") { directories, urls };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string[] folders = parsed.GetValue(directories) is { Length: > 0 } given ? given : ["runs"];
            if (parsed.GetValue(directories) is { Length: > 0 } && folders.FirstOrDefault(f => !Directory.Exists(f)) is { } missing)
            {
                throw new UsageException($"{missing}: there is no such directory");
            }

            LearnerDevice device = terminal.Devices.Find(DeviceKind.Auto);
            terminal.Error.WriteLine($"prompts are answered on {device.Name}{(device.Note is null ? string.Empty : $"; {device.Note}")}");
            using var host = new LocalRunHost(device, terminal.Tokenizers);
            await using DashboardServer server = await ServeAsync(terminal, parsed.GetValue(urls) ?? DashboardServer.UsualUrl, folders, host).ConfigureAwait(false);
            var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            using CancellationTokenRegistration registration = cancellationToken.Register(() => ended.TrySetResult());
            await ended.Task.ConfigureAwait(false);
            return ExitCode.Done;
        });
        return command;
    }

    /// <summary>Refuses an address that the dashboard cannot listen on.</summary>
    public static void CheckUrl(OptionResult result)
    {
        if (result.Tokens.Count == 1 && DashboardServer.ProblemOf(result.Tokens[0].Value) is { } problem)
        {
            result.AddError($"{result.Option.Name}: {problem}");
        }
    }

    /// <summary>Serves run directories and says where.</summary>
    /// <exception cref="IOException">The address is in use or is not this machine's.</exception>
    public static async Task<DashboardServer> ServeAsync(Terminal terminal, string url, IReadOnlyList<string> folders, LocalRunHost host)
    {
        var feed = new RunDirectoryFeed(folders, host, terminal.Clock);
        DashboardServer server = await DashboardServer.StartAsync(
            feed, url, Environment.GetEnvironmentVariable(TokenVariable), terminal.Clock, warning => terminal.Error.WriteLine("warning: " + Failure.OneLine(warning)))
            .ConfigureAwait(false);
        terminal.Error.WriteLine($"dashboard: {server.Link ?? server.Address}");
        if (server.Link is not null)
        {
            terminal.Error.WriteLine($"The link lets one browser in, once. Set {TokenVariable} for a token of your own.");
        }

        return server;
    }
}
