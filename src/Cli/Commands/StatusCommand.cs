using System.CommandLine;
using System.Globalization;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm status</c>: how far a run is, read without disturbing it.</summary>
internal static class StatusCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var directory = new Argument<string>("DIR") { Description = "A run directory, or the name of a run on a cluster." };
        Option<string?> cluster = ClusterCommands.Cluster("Ask a cluster.");
        Option<bool> json = CommandOptions.Json();
        var command = new Command("status", "Show how far a run is.") { directory, cluster, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string path = parsed.GetRequiredValue(directory);
            if (parsed.GetValue(cluster) is { } addresses)
            {
                return await ClusterCommands.StatusAsync(terminal, addresses, path, parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }

            if (RunFamily.Members(path) is { Count: > 0 } members)
            {
                FamilyReport.Write(terminal, path, [.. members.Select(RunStatus.Read)], members, parsed.GetValue(json));
                return ExitCode.Done;
            }

            RunStatus status = RunStatus.Read(path);
            if (parsed.GetValue(json))
            {
                WriteJson(terminal.Out, status);
            }
            else
            {
                Write(terminal.Out, status);
                PersonalReport.Write(terminal.Out, terminal.OutIsScreen, status.Records);
            }

            return ExitCode.Done;
        });
        return command;
    }

    private static void Write(TextWriter output, RunStatus status) => Tables.WriteFacts(
        output,
        ("run", status.Name),
        ("state", State(status)),
        ("round", string.Create(CultureInfo.InvariantCulture, $"{status.Round} of {status.Rounds}")),
        ("excluded", Exclusions.Of(status.Records).ToString()),
        ("moved", Traffic(status)),
        ("train loss", Figures.Measure(status.TrainLoss)),
        ("evaluation", status.LastEvaluation is { } last ? string.Join(", ", last.Select(e => $"{e.Key} {Figures.Measure(e.Value)}")) : "-"),
        ("best loss", status.BestLoss is { } best ? string.Create(CultureInfo.InvariantCulture, $"{Figures.Measure(best.Loss)} after round {best.Round}") : "-"),
        ("adapter", status.Adapter ?? "-"));

    private static string Traffic(RunStatus status) => string.Create(
        CultureInfo.InvariantCulture,
        $"{Figures.Mebibytes(status.Records.Sum(r => r.BytesDown))} MiB down, {Figures.Mebibytes(status.Records.Sum(r => r.BytesUp))} MiB up");

    private static string State(RunStatus status) => status.State switch
    {
        RunState.Running => $"running: {status.Holder}",
        RunState.Finished => status.Records is [.., { Ended: { } reason }] ? $"finished early: {reason}" : "finished",
        _ => "unfinished; the fedllm run command that began it continues it",
    };

    private static void WriteJson(TextWriter output, RunStatus status) => JsonResult.Write(output, document =>
    {
        document.WriteString("name", status.Name);
        document.WriteString("state", Figures.Name(status.State));
        document.WriteNumber("round", status.Round);
        document.WriteNumber("rounds", status.Rounds);
        document.WriteString("ended", status.Records.LastOrDefault()?.Ended);
        document.WriteNumber("bytes_down", status.Records.Sum(r => r.BytesDown));
        document.WriteNumber("bytes_up", status.Records.Sum(r => r.BytesUp));
        Exclusions.Of(status.Records).Write(document);
        document.WriteFinite("train_loss", status.TrainLoss);
        if (status.LastEvaluation is { } evaluation)
        {
            document.WriteStartObject("evaluation");
            foreach ((string suite, double value) in evaluation)
            {
                document.WriteFinite(suite, value);
            }

            document.WriteEndObject();
        }
        else
        {
            document.WriteNull("evaluation");
        }

        PersonalReport.WriteJson(document, status.Records);
        if (status.BestLoss is { } best)
        {
            document.WriteStartObject("best");
            document.WriteNumber("round", best.Round);
            document.WriteFinite("loss", best.Loss);
            document.WriteEndObject();
        }
        else
        {
            document.WriteNull("best");
        }

        document.WriteString("adapter", status.Adapter);
        if (status.Holder is { } holder)
        {
            document.WriteStartObject("process");
            document.WriteNumber("id", holder.ProcessId);
            document.WriteString("host", holder.Host);
            document.WriteString("started", holder.Started);
            document.WriteEndObject();
        }
        else
        {
            document.WriteNull("process");
        }
    });
}
