using System.Globalization;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;
using FedLLM.Federation;
using FedLLM.Federation.Algorithms;
using FedLLM.Federation.Rounds;
using FedLLM.Federation.Sampling;
using FedLLM.Federation.Schedules;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>overhead [--out FILE] [--rounds N] [--shared DIR]</c>: the share of a round that is not training. stories260K, 10 clients of dolly, 10 steps each; then the same rounds
/// once more with clients whose training takes no time: what is left is the loop, the store, the journal, checkpoints and aggregation.
/// </summary>
internal static class OverheadCommand
{
    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        string shared = Path.GetFullPath(Arguments.Shared(args));
        int rounds = int.Parse(Arguments.Option(args, "--rounds") ?? "6", CultureInfo.InvariantCulture);
        if (rounds < 2)
        {
            Console.Error.WriteLine("overhead: --rounds must be at least 2: the first round also compiles and is left out.");
            return 2;
        }

        string folder = Directory.CreateTempSubdirectory("fedllm-overhead").FullName;
        try
        {
            PreparedExperiment prepared = TenClients.Prepare("overhead", shared, rounds, folder);
            var whole = new RoundTimes();
            new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(folder, "run"), [whole], default).GetAwaiter().GetResult();
            RoundTimes rest = WithoutTraining(prepared, Path.Combine(folder, "rest"), 5 * rounds);
            Report(args, prepared, whole, rest);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static RoundTimes WithoutTraining(PreparedExperiment prepared, string directory, int rounds)
    {
        TensorSet initial = prepared.InitialAdapter();
        var times = new RoundTimes();
        using RunDirectory run = RunDirectory.Open(directory, prepared.Experiment, prepared.Inputs);
        using var fleet = new EmbeddedFleet(new InstantTraining(initial.Layout), run.Store, run.Journal);
        var settings = new RunSettings
        {
            RunId = run.Identity,
            Rounds = rounds,
            Clients = TenClients.Count,
            ClientsPerRound = TenClients.Count,
            Seed = 1,
            LearningRate = new ConstantLearningRate(1e-3),
            EvaluateEvery = rounds,
        };
        new RunLoop(settings, new UniformCohort(), new FedAvg(), fleet, run.Store, run.Journal, null, [times]).RunAsync(initial).GetAwaiter().GetResult();
        return times;
    }

    private static void Report(string[] args, PreparedExperiment prepared, RoundTimes whole, RoundTimes rest)
    {
        double round = Median(whole.Seconds.Skip(1));
        double overhead = Median(rest.Seconds.Skip(1));
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# What of a round is not training");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- overhead`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine($"stories260K, rank 8 on q and v ({prepared.InitialAdapter().Layout.Count} parameters), {TenClients.Count} clients of dolly, 10 steps of 16 samples each, a checkpoint every round;");
        text.WriteLine($"medians over {whole.Seconds.Count - 1} rounds, and over {rest.Seconds.Count - 1} rounds of the same whose training takes no time. Everything is flushed to the disk as in any run.");
        text.WriteLine();
        text.WriteLine("| | seconds per round |");
        text.WriteLine("|---|---:|");
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| the whole round | {round:F3} |"));
        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| what is not training | {overhead:F4} |"));
        foreach (string phase in rest.Records[^1].Seconds.Keys)
        {
            double seconds = Median(rest.Records.Skip(1).Select(r => r.Seconds.GetValueOrDefault(phase)));
            text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| … in the phase {phase} | {seconds:F4} |"));
        }

        text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| its share | {100 * overhead / round:F2} % |"));
        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }
    }

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    /// <summary>Clients that have their update at once, another one each round.</summary>
    private sealed class InstantTraining(TensorLayout layout) : ICohortTrainer
    {
        public int Weight(int client) => 100 + client;

        public Task TrainAsync(
            IReadOnlyList<int> clients, Func<int, ClientStart> start, RoundTerms terms, Action<LocalUpdate> finished, CancellationToken cancellationToken) =>
            Task.Run(
                () =>
                {
                    foreach (int client in clients)
                    {
                        var delta = new TensorSet(layout);
                        delta.Values.AsSpan().Fill(1e-4f * (client + terms.Round));
                        finished(new LocalUpdate(client, delta, 1e-3, new ClientMetrics(1, 1, 1)));
                    }
                },
                cancellationToken);

        public void Dispose()
        {
        }
    }
}
