using System.IO.Compression;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Clusters;

/// <summary>Runs on a cluster as the command line shows them: begun, followed, reported, fetched.</summary>
internal static class ClusterRuns
{
    private const int MaxFileBytes = 1 << 30;

    /// <summary>Begins the run of an experiment and follows it to its end.</summary>
    /// <param name="terminal">Where progress and the result go.</param>
    /// <param name="client">The line to the cluster.</param>
    /// <param name="experiment">The experiment.</param>
    /// <param name="output">Where the result is fetched to, or null.</param>
    /// <param name="json">Whether the result is for machines.</param>
    /// <param name="cancellationToken">Ends the watching; the run goes on.</param>
    public static async Task<int> RunAsync(
        Terminal terminal, ClusterClient client, Experiment experiment, string? output, bool json, CancellationToken cancellationToken)
    {
        if (LocalRuns.Applies(experiment))
        {
            throw new UsageException("federation.algorithm: local trains every client by itself, one run each; a cluster runs one. Leave out --cluster");
        }

        string run = await client.StartAsync(PortableYaml.Write(experiment, Environment.CurrentDirectory), cancellationToken).ConfigureAwait(false);
        terminal.Error.WriteLine($"{experiment.Name}: runs on {client.AddressOf(run)}");
        return await WatchAsync(terminal, client, run, output, json, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Follows a run to its end and reports it.</summary>
    /// <param name="terminal">Where progress and the result go.</param>
    /// <param name="client">The line to the cluster.</param>
    /// <param name="run">The run's id.</param>
    /// <param name="output">Where the result is fetched to, or null.</param>
    /// <param name="json">Whether the result is for machines.</param>
    /// <param name="cancellationToken">Ends the watching; the run goes on.</param>
    public static async Task<int> WatchAsync(
        Terminal terminal, ClusterClient client, string run, string? output, bool json, CancellationToken cancellationToken)
    {
        ClusterOutcome outcome;
        try
        {
            outcome = await FollowAsync(terminal, client, run, cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            terminal.Error.WriteLine(Failure.OneLine($"Interrupted. The run goes on without a watcher; fedllm watch {run} shows it again, fedllm cancel {run} ends it."));
            return ExitCode.Interrupted;
        }

        if (outcome.Summary.State != "finished")
        {
            throw new ClusterException(outcome.Summary.State == "cancelled"
                ? $"run '{run}' was cancelled after round {outcome.Summary.Round}"
                : $"run '{run}' failed: {outcome.Summary.Reason?.TrimEnd('.') ?? "no reason was given"}. When that is mended, fedllm resume {run} lets it go on");
        }

        string? adapter = output is null ? null : await FetchAsync(client, run, output, null, cancellationToken).ConfigureAwait(false);
        var reported = new ReportedRun(client.AddressOf(run), adapter, outcome.Rounds[^1].Adapter, outcome.Rounds);
        if (json)
        {
            RunReport.WriteJson(terminal.Out, outcome.Summary.Name, reported);
        }
        else
        {
            RunReport.Write(terminal.Out, terminal.OutIsScreen, reported);
        }

        return ExitCode.Done;
    }

    /// <summary>Fetches an adapter and the experiment that made it into a folder, and returns the adapter's folder.</summary>
    /// <param name="client">The line to the cluster.</param>
    /// <param name="run">The run's id.</param>
    /// <param name="output">The folder; made if absent.</param>
    /// <param name="round">The round, or null for the newest.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<string> FetchAsync(ClusterClient client, string run, string output, int? round, CancellationToken cancellationToken)
    {
        string folder = Path.Combine(output, "adapter");
        Directory.CreateDirectory(folder);
        using HttpResponseMessage answer = await client.GetAsync(run, round is null ? "/adapter" : $"/rounds/{round}/adapter", cancellationToken).ConfigureAwait(false);
        using var whole = new MemoryStream(); // a zip's directory lies at its end
        await answer.Content.CopyToAsync(whole, cancellationToken).ConfigureAwait(false);
        using var zip = new ZipArchive(whole, ZipArchiveMode.Read);
        foreach (string name in (string[])["adapter_config.json", "adapter_model.safetensors"])
        {
            ZipArchiveEntry? entry = zip.GetEntry(name);
            if (entry is null || entry.Length > MaxFileBytes)
            {
                throw new ClusterException($"run '{run}': what the cluster sent is no adapter ({name})");
            }

            await entry.ExtractToFileAsync(Path.Combine(folder, name), overwrite: true, cancellationToken).ConfigureAwait(false);
        }

        using HttpResponseMessage experiment = await client.GetAsync(run, "/experiment", cancellationToken).ConfigureAwait(false);
        await File.WriteAllBytesAsync(
            Path.Combine(output, "experiment.yaml"), await experiment.Content.ReadAsByteArrayAsync(cancellationToken).ConfigureAwait(false), cancellationToken).ConfigureAwait(false);
        return folder;
    }

    private static async Task<ClusterOutcome> FollowAsync(Terminal terminal, ClusterClient client, string run, CancellationToken cancellationToken)
    {
        int rounds = (int)((await client.FindAsync(run, cancellationToken).ConfigureAwait(false)).Rounds ?? 0);
        IAnsiConsole console = Tables.Console(terminal.Error, terminal.ErrorIsScreen);
        var beginning = new BeginningNote(console);
        var follower = new ClusterFollower(client, terminal.Clock, line => console.WriteLine(Failure.OneLine(line)));
        Task<ClusterOutcome> Follow(IRunObserver progress) => follower.FollowAsync(run, [beginning, progress], cancellationToken);

        ClusterOutcome outcome = await (console.Profile.Capabilities.Interactive
            ? BarProgress.FollowAsync(console, rounds, terminal.Clock, Follow)
            : Follow(new LineProgress(terminal.Error, rounds, terminal.Clock))).ConfigureAwait(false);
        if (outcome.Summary.State == "finished")
        {
            beginning.End();
        }

        return outcome;
    }
}
