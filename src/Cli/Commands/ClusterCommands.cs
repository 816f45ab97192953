using System.CommandLine;
using System.Globalization;
using FedLLM.Cli.Clusters;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using RunSummary = FedLLM.Dashboard.Summaries.RunSummary;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm watch, pause, resume, cancel</c>: runs on a cluster. <c>run</c>, <c>status</c> and <c>adapter</c> take <c>--cluster</c> as well.</summary>
internal static class ClusterCommands
{
    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> All(Terminal terminal)
    {
        yield return Watch(terminal);
        yield return Act(terminal, "pause", "Make a run on a cluster wait.");
        yield return Act(terminal, "resume", "Let a paused or failed run on a cluster go on.");
        yield return Act(terminal, "cancel", "End a run on a cluster before its last round.");
    }

    /// <summary><c>--cluster URL</c>.</summary>
    public static Option<string?> Cluster(string description, bool required = false)
    {
        var option = new Option<string?>("--cluster")
        {
            Description = $"{description} One silo's address, or several, separated by commas; ${ClusterClient.TokenVariable} holds the token.",
            HelpName = "URL",
            Required = required,
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && ClusterClient.ProblemOf(result.Tokens[0].Value) is { } problem)
            {
                result.AddError($"{option.Name}: {problem}");
            }
        });
        return option;
    }

    /// <summary>Opens the line to a cluster.</summary>
    public static ClusterClient Open(string addresses) => new(addresses, Environment.GetEnvironmentVariable(ClusterClient.TokenVariable));

    /// <summary>Shows how far a run on a cluster is.</summary>
    public static async Task<int> StatusAsync(Terminal terminal, string addresses, string run, bool json, CancellationToken cancellationToken)
    {
        using ClusterClient client = Open(addresses);
        RunSummary summary = await client.FindAsync(run, cancellationToken).ConfigureAwait(false);
        if (json)
        {
            WriteJson(terminal.Out, summary);
            return ExitCode.Done;
        }

        Tables.WriteFacts(
            terminal.Out,
            ("run", summary.Name),
            ("state", summary.Reason is { } reason ? $"{summary.State}: {reason}" : summary.State),
            ("round", string.Create(CultureInfo.InvariantCulture, $"{summary.Round} of {summary.Rounds}")),
            ("moved", string.Create(CultureInfo.InvariantCulture, $"{Figures.Mebibytes(summary.BytesDown)} MiB down, {Figures.Mebibytes(summary.BytesUp)} MiB up")),
            ("train loss", Figures.Measure(summary.TrainLoss)),
            ("evaluation", summary.Evaluation is { Count: > 0 } last ? string.Join(", ", last.Select(e => $"{e.Key} {Figures.Measure(e.Value)}")) : "-"),
            ("best loss", summary.BestLoss is { } best ? string.Create(CultureInfo.InvariantCulture, $"{Figures.Measure(best)} after round {summary.BestRound}") : "-"),
            ("adapter", summary.Adapter ?? "-"),
            ("page", client.AddressOf(run)));
        return ExitCode.Done;
    }

    private static Command Watch(Terminal terminal)
    {
        Argument<string> run = Run();
        Option<string?> cluster = Cluster("The cluster.", required: true);
        Option<bool> json = CommandOptions.Json();
        var command = new Command("watch", "Follow a run on a cluster to its end.") { run, cluster, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using ClusterClient client = Open(parsed.GetRequiredValue(cluster)!);
            return await ClusterRuns.WatchAsync(terminal, client, parsed.GetRequiredValue(run), null, parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    private static Command Act(Terminal terminal, string what, string description)
    {
        Argument<string> run = Run();
        Option<string?> cluster = Cluster("The cluster.", required: true);
        var command = new Command(what, description) { run, cluster };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            using ClusterClient client = Open(parsed.GetRequiredValue(cluster)!);
            string name = parsed.GetRequiredValue(run);
            RunSummary summary = await client.ActAsync(name, what, cancellationToken).ConfigureAwait(false);
            terminal.Out.WriteLine(Failure.OneLine($"{name}: {summary.State}, round {summary.Round} of {summary.Rounds}"));
            return ExitCode.Done;
        });
        return command;
    }

    private static Argument<string> Run() => new("RUN") { Description = "The run's name on the cluster." };

    private static void WriteJson(TextWriter output, RunSummary summary) => JsonResult.Write(output, document =>
    {
        document.WriteString("name", summary.Name);
        document.WriteString("state", summary.State);
        document.WriteString("reason", summary.Reason);
        document.WriteNumber("round", summary.Round);
        document.WriteNumber("rounds", summary.Rounds ?? 0);
        document.WriteNumber("bytes_down", summary.BytesDown);
        document.WriteNumber("bytes_up", summary.BytesUp);
        document.WriteFinite("train_loss", summary.TrainLoss);
        document.WriteString("adapter", summary.Adapter);
    });
}
