using System.CommandLine;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Partitions;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm partition</c>: cuts an experiment's data and writes the shards as files.</summary>
internal static class PartitionCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE.yaml") { Description = "The experiment; of it the data, its partition and the seed count." };
        var destination = new Option<string>("--out") { Description = "Directory to write; absent or empty.", HelpName = "DIR", Required = true };
        var set = new Option<string[]>("--set")
        {
            Description = "Override a value of the file; may be given several times.",
            HelpName = "key.path=value",
            DefaultValueFactory = _ => [],
        };
        Option<bool> json = CommandOptions.Json();
        var command = new Command("partition", "Cut a dataset into shards.") { file, destination, set, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Experiment experiment = ExperimentFile.Read(parsed.GetRequiredValue(file), parsed.GetValue(set));
            string folder = parsed.GetRequiredValue(destination);
            WrittenPartition written = await Task.Run(() => PartitionFolder.Write(experiment, folder, cancellationToken), cancellationToken).ConfigureAwait(false);
            if (parsed.GetValue(json))
            {
                PartitionReport.WriteJson(terminal.Out, folder, written);
            }
            else
            {
                PartitionReport.Write(terminal.Out, terminal.OutIsScreen, folder, written);
            }

            return ExitCode.Done;
        });
        return command;
    }
}
