using System.CommandLine;
using FedLLM.Cli.Clusters;
using FedLLM.Cli.Hosting;
using FedLLM.Engine.Files;
using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm adapter</c>: a run's global adapter from a cluster, or a client's own adapter from a run directory.</summary>
internal static class AdapterCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var run = new Argument<string>("RUN") { Description = "The run's name on the cluster, or a run directory." };
        Option<string?> cluster = ClusterCommands.Cluster("The cluster to fetch the global adapter from.");
        Option<long?> client = CommandOptions.Integer("--client", "A client, by id, whose own adapter to take from a run directory (lora_aggregation fedsa).", 0, int.MaxValue);
        var output = new Option<string>("--out") { Description = "The folder that gets adapter/; from a cluster, experiment.yaml as well.", HelpName = "DIR", Required = true };
        Option<long?> round = CommandOptions.Integer("--round", "A round whose checkpoint is kept. Default: the newest.", 0, int.MaxValue);
        var command = new Command("adapter", "Fetch a run's global adapter from a cluster, or a client's own from a run directory.") { run, cluster, client, output, round };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string name = parsed.GetRequiredValue(run);
            string folder = parsed.GetRequiredValue(output);
            int? number = (int?)parsed.GetValue(round);
            int? id = (int?)parsed.GetValue(client);
            if (parsed.GetValue(cluster) is not { } addresses)
            {
                terminal.Out.WriteLine(WriteOwn(
                    name, id ?? throw new UsageException($"without --cluster, name a client by --client: the global adapter is {Path.Combine(name, "adapter")}"), number, folder));
                return ExitCode.Done;
            }

            if (id is not null)
            {
                throw new UsageException("--client belongs to a run directory, not to --cluster");
            }

            using ClusterClient line = ClusterCommands.Open(addresses);
            terminal.Out.WriteLine(await ClusterRuns.FetchAsync(line, name, folder, number, cancellationToken).ConfigureAwait(false));
            return ExitCode.Done;
        });
        return command;
    }

    private static string WriteOwn(string directory, int client, int? round, string output)
    {
        PeftAdapter own = ClientExport.Of(directory, client, round);
        string folder = Path.Combine(output, "adapter");
        PeftAdapter.Save(folder, own.Config, own.Tensors, own.BaseModel);
        return folder;
    }
}
