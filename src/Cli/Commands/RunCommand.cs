using System.CommandLine;
using FedLLM.Cli.Clusters;
using FedLLM.Cli.Dashboards;
using FedLLM.Cli.Hosting;
using FedLLM.Cli.Rendering;
using FedLLM.Dashboard.Hosting;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Commands;

/// <summary><c>fedllm run</c>: runs an experiment, or continues it.</summary>
internal static class RunCommand
{
    /// <summary>How long a step may go on after an interruption; the process has ended within 2 s.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1.5);

    /// <summary>Makes the command.</summary>
    public static Command Create(Terminal terminal)
    {
        var file = new Argument<string>("FILE.yaml") { Description = "The experiment." };
        var output = new Option<string?>("--out") { Description = "The run directory. Default: runs/<name>.", HelpName = "DIR" };
        var set = new Option<string[]>("--set")
        {
            Description = "Override a value of the file; may be given several times.",
            HelpName = "key.path=value",
            DefaultValueFactory = _ => [],
        };
        var dashboard = new Option<string?>("--dashboard")
        {
            Description = $"Show the run in a browser while it runs. Default: {DashboardServer.UsualUrl}.",
            HelpName = "URL",
            Arity = ArgumentArity.ZeroOrOne,
        };
        dashboard.Validators.Add(DashboardCommand.CheckUrl);
        Option<string?> cluster = ClusterCommands.Cluster("Run on a cluster; --out is where its adapter is fetched to.");
        Option<bool> json = CommandOptions.Json();
        var command = new Command("run", "Run an experiment, or continue it where its directory left off.") { file, output, set, dashboard, cluster, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            Experiment experiment = ExperimentFile.Read(parsed.GetRequiredValue(file), parsed.GetValue(set));
            if (parsed.GetValue(cluster) is { } addresses)
            {
                if (parsed.GetResult(dashboard) is not null)
                {
                    throw new UsageException($"{dashboard.Name}: a cluster has a dashboard of its own; open {addresses}");
                }

                using ClusterClient client = ClusterCommands.Open(addresses);
                return await ClusterRuns.RunAsync(terminal, client, experiment, parsed.GetValue(output), parsed.GetValue(json), cancellationToken).ConfigureAwait(false);
            }

            string directory = parsed.GetValue(output) ?? Path.Combine("runs", experiment.Name);
            PreparedExperiment prepared = await PrepareAsync(terminal, experiment, cancellationToken).ConfigureAwait(false);
            Action report;
            using var control = new RunControl(cancellationToken);
            using var host = new LocalRunHost(control, directory, prepared, terminal.Tokenizers);
            await using DashboardServer? server = parsed.GetResult(dashboard) is null
                ? null
                : await DashboardCommand.ServeAsync(
                    terminal, parsed.GetValue(dashboard) ?? DashboardServer.UsualUrl, [directory], host).ConfigureAwait(false);
            try
            {
                report = LocalRuns.Applies(experiment)
                    ? await FollowEachAsync(terminal, prepared, directory, parsed.GetValue(json), control).ConfigureAwait(false)
                    : Report(terminal, experiment.Name, await FollowAsync(terminal, prepared, directory, control).ConfigureAwait(false), parsed.GetValue(json));
            }
            catch (OperationCanceledException) when (control.Token.IsCancellationRequested)
            {
                terminal.Error.WriteLine(Failure.OneLine($"Interrupted. The same command continues the run in {directory} where it stopped."));
                return ExitCode.Interrupted;
            }

            report();
            return ExitCode.Done;
        });
        return command;
    }

    private static Action Report(Terminal terminal, string name, RunResult result, bool json) => json
        ? () => RunReport.WriteJson(terminal.Out, name, ReportedRun.Of(result))
        : () => RunReport.Write(terminal.Out, terminal.OutIsScreen, ReportedRun.Of(result));

    // Every client by itself, one after another; those that are done are only read.
    private static async Task<Action> FollowEachAsync(
        Terminal terminal, PreparedExperiment prepared, string directory, bool json, RunControl control)
    {
        var runs = new List<(LocalRun Run, RunResult Result)>();
        foreach (LocalRun run in LocalRuns.Of(prepared, directory))
        {
            terminal.Error.WriteLine(Failure.OneLine($"client {run.Client} ({prepared.Shards.Name(run.Client)}) by itself"));
            runs.Add((run, await FollowAsync(terminal, run.Prepared, run.Directory, control).ConfigureAwait(false)));
        }

        return json
            ? () => LocalReport.WriteJson(terminal.Out, prepared.Experiment.Name, directory, runs)
            : () => LocalReport.Write(terminal.Out, terminal.OutIsScreen, runs);
    }

    // Reads and checks everything the experiment names, and says what the clients hold before time is spent on it. Nothing is written yet, so an
    // interruption need not wait for it.
    private static async Task<PreparedExperiment> PrepareAsync(Terminal terminal, Experiment experiment, CancellationToken cancellationToken)
    {
        _ = terminal.Devices.Find(experiment.Model.Device).Require(experiment.Model.Quantization); // a device that is not there is told before anything is read
        terminal.Error.WriteLine($"{experiment.Name}: reading the model and the data");
        PreparedExperiment prepared = await Task.Run(() => PreparedExperiment.Prepare(experiment, null, cancellationToken, terminal.Devices, terminal.Tokenizers), cancellationToken)
            .WaitAsync(cancellationToken).ConfigureAwait(false);
        DeviceOptions.Tell(terminal, prepared.Device, prepared.Learner.Numerics);
        ShardTable.Write(terminal.Error, terminal.ErrorIsScreen, prepared.Reports);
        if (prepared.Data.HeldOutTally is { } held)
        {
            if (held.Truncated.Count > 0)
            {
                terminal.Error.WriteLine($"held out: {held.DescribeCutTokens()} of {held.Usable} samples are truncated");
            }

            if (held.IsWarning)
            {
                terminal.Error.WriteLine(ShardTable.Warning("the held-out data", held));
            }
        }

        return prepared;
    }

    /// <summary>Runs a prepared experiment and shows its progress. Its computing occupies threads for long, so it begins on one of its own.</summary>
    internal static async Task<RunResult> FollowAsync(Terminal terminal, PreparedExperiment prepared, string directory, RunControl control)
    {
        var runner = new ExperimentRunner(prepared, terminal.Clock)
        {
            Warn = warning => terminal.Error.WriteLine("warning: " + Failure.OneLine(warning)),
        };
        int rounds = prepared.Experiment.Federation.Rounds;
        IAnsiConsole console = Tables.Console(terminal.Error, terminal.ErrorIsScreen);
        var beginning = new BeginningNote(console);
        Task<RunResult> Run(IRunObserver progress) => OrGiveUpAsync(
            Task.Run(() => runner.RunAsync(directory, [beginning, progress, control], control.Token), CancellationToken.None), terminal.Clock, control.Token);

        RunResult result = await (console.Profile.Capabilities.Interactive
            ? BarProgress.FollowAsync(console, rounds, terminal.Clock, Run)
            : Run(new LineProgress(terminal.Error, rounds, terminal.Clock))).ConfigureAwait(false);
        beginning.End();
        return result;
    }

    // A step can take minutes. One that does not end soon after an interruption is given up with the process: what was finished is on the disk, and the rest is
    // trained again.
    private static async Task<RunResult> OrGiveUpAsync(Task<RunResult> run, TimeProvider clock, CancellationToken cancellationToken)
    {
        var asked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using CancellationTokenRegistration registration = cancellationToken.Register(asked.SetResult);
        if (await Task.WhenAny(run, asked.Task).ConfigureAwait(false) != run
            && await Task.WhenAny(run, Task.Delay(Grace, clock, CancellationToken.None)).ConfigureAwait(false) != run)
        {
            throw new OperationCanceledException(cancellationToken);
        }

        return await run.ConfigureAwait(false);
    }
}
