using System.Diagnostics;
using System.Globalization;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation;

namespace FedLLM.Benchmarks.Checkpoints;

/// <summary>
/// <c>checkpoints [--out FILE] [--rounds N] [--shared DIR]</c>: which share of a run goes into its journal and checkpoints. stories260K, 10 clients of dolly, 10 steps
/// each, a checkpoint every round; then what a checkpoint costs where up to 100,000 clients keep private states.
/// </summary>
internal static class CheckpointsCommand
{
    private static readonly int[] Keeping = [1_000, 10_000, 100_000];

    /// <summary>Measures, prints the tables and writes them to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        string shared = Path.GetFullPath(Arguments.Shared(args));
        int rounds = int.Parse(Arguments.Option(args, "--rounds") ?? "20", CultureInfo.InvariantCulture);
        string folder = Directory.CreateTempSubdirectory("fedllm-checkpoints").FullName;
        try
        {
            PreparedExperiment prepared = TenClients.Prepare("checkpoints", shared, rounds, folder);
            var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
            text.WriteLine("# Journal and checkpoints");
            text.WriteLine();
            text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- checkpoints --rounds {rounds}`, {Machine.Describe()}.");
            text.WriteLine();
            WriteRun(text, prepared, Path.Combine(folder, "run"), rounds);
            text.WriteLine();
            WritePrivateStates(text, prepared, folder);
            Console.Write(text);
            if (Arguments.Option(args, "--out") is { } path)
            {
                File.WriteAllText(path, text.ToString());
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The whole run as fedllm run does it, without the evaluation, whose time would make the share smaller.
    private static void WriteRun(StringWriter text, PreparedExperiment prepared, string directory, int rounds)
    {
        var (updates, receipts, membership, state, commit) = (new Watch(), new Watch(), new Watch(), new Watch(), new Watch());
        var files = new TimedFiles();
        Experiment experiment = prepared.Experiment;
        long begun = Stopwatch.GetTimestamp();
        using (RunDirectory run = RunDirectory.Open(directory, experiment, prepared.Inputs, files))
        {
            var journal = new TimedJournal(run.Journal, receipts, membership, commit);
            using var fleet = new EmbeddedFleet(
                CohortTrainers.For(prepared, Participation.Training(prepared), TimeProvider.System), new TimedStore(run.Store, updates), journal);
            var loop = new RunLoop(
                Participation.Settings(prepared, run.Identity), Participation.Sampler(prepared), ServerOptimizers.For(experiment.Federation, TenClients.Count), fleet,
                new TimedStore(run.Store, state), journal);
            loop.RunAsync(prepared.InitialAdapter()).GetAwaiter().GetResult();
        }

        double whole = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        double kept = updates.Seconds + receipts.Seconds + membership.Seconds + state.Seconds + commit.Seconds;
        text.WriteLine(
            $"stories260K, rank 8 on q and v ({prepared.InitialAdapter().Layout.Count} parameters), {TenClients.Count} clients of dolly, {rounds} rounds of 10 steps of 16 samples each, a checkpoint every round,");
        text.WriteLine("no evaluation; from the opening of the run directory to its closing. Threads' times are added up: what one writes while another trains counts in full.");
        text.WriteLine();
        text.WriteLine("| | seconds per round | share of the run |");
        text.WriteLine("|---|---:|---:|");
        Row("the whole run", whole);
        Row("clients' updates, stored", updates.Seconds);
        Row("clients' receipts", receipts.Seconds);
        Row("memberships, closed", membership.Seconds);
        Row("global adapters, stored", state.Seconds);
        Row("commits", commit.Seconds);
        Row("journal and checkpoints together", kept);
        Row(string.Create(CultureInfo.InvariantCulture, $"… of it {files.FlushCount / (double)rounds:F0} flushes to the disk a round"), files.FlushSeconds);

        void Row(string name, double seconds) =>
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| {name} | {seconds / rounds:F4} | {100 * seconds / whole:F2} % |"));
    }

    private static void WritePrivateStates(StringWriter text, PreparedExperiment prepared, string folder)
    {
        text.WriteLine($"Commits of rounds in which {KeptStates.Changed} of so many clients change their private states; the smallest of {KeptStates.Rounds} rounds, flushes included.");
        text.WriteLine();
        text.WriteLine("| clients with private states | seconds per commit | … in flushes | files in the store | bytes written |");
        text.WriteLine("|---:|---:|---:|---:|---:|");
        foreach (int clients in Keeping)
        {
            KeptStates kept = KeptStates.Measure(prepared, Path.Combine(folder, clients.ToString(CultureInfo.InvariantCulture)), clients);
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {clients:N0} | {kept.CommitSeconds:F4} | {kept.FlushSeconds:F4} | {kept.Files:N0} | {kept.Bytes:N0} |"));
        }
    }
}
