using System.Globalization;
using System.Text;
using System.Text.Json;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>clients [--out FILE] [--repeats N] [--shared DIR]</c>: what registered clients cost. Cohorts of 100 out of 1,000, 10,000 and 100,000 clients, which share 35
/// training shards of natural-instructions, train stories260K; each case in a process of its own, in turns.
/// </summary>
internal static class ClientsCommand
{
    private const int Rounds = 5;
    private static readonly int[] Registered = [1_000, 10_000, 100_000];

    /// <summary>Measures all cases, or, as a child process, the one named by <c>--registered</c>.</summary>
    public static int Run(string[] args)
    {
        string shared = Path.GetFullPath(Arguments.Option(args, "--shared") ?? Environment.GetEnvironmentVariable("FEDLLM_SHARED") ?? "../shared");
        if (Arguments.Option(args, "--registered") is { } one)
        {
            Console.WriteLine(JsonSerializer.Serialize(Measure(int.Parse(one, CultureInfo.InvariantCulture), shared)));
            return 0;
        }

        int repeats = int.Parse(Arguments.Option(args, "--repeats") ?? "3", CultureInfo.InvariantCulture);
        Result[][] results = [.. Registered.Select(_ => new Result[repeats])];
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            for (int i = 0; i < Registered.Length; i++)
            {
                results[i][repeat] = ChildProcess.Run<Result>("clients", "--registered", Registered[i].ToString(CultureInfo.InvariantCulture), "--shared", shared);
            }
        }

        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Registered clients");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- clients`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine($"Rounds of 100 clients, one optimizer step of 4 samples each, stories260K on 35 training shards of natural-instructions, shared out; {Rounds} rounds in a");
        text.WriteLine($"process, the first left out; medians over {repeats} processes. Memory is resident after the last round.");
        text.WriteLine();
        text.WriteLine("| registered clients | ready after, s | seconds per round | against 1,000 | tokens per round | memory, MB | bytes per client beyond 1,000 |");
        text.WriteLine("|---:|---:|---:|---:|---:|---:|---:|");
        double firstSeconds = Median(results[0], r => r.SecondsPerRound);
        double firstMemory = Median(results[0], r => r.Resident);
        for (int i = 0; i < Registered.Length; i++)
        {
            double seconds = Median(results[i], r => r.SecondsPerRound);
            double memory = Median(results[i], r => r.Resident);
            string perClient = i == 0 ? "" : ((memory - firstMemory) / (Registered[i] - Registered[0])).ToString("F0", CultureInfo.InvariantCulture);
            text.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {Registered[i]:N0} | {Median(results[i], r => r.Ready):F2} | {seconds:F3} | {seconds / firstSeconds:F3} | {Median(results[i], r => r.TokensPerRound):N0} | {memory / 1e6:F1} | {perClient} |"));
        }

        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }

    private static Result Measure(int registered, string shared)
    {
        string folder = Directory.CreateTempSubdirectory("fedllm-clients").FullName;
        try
        {
            string yaml = $$"""
                name: clients
                model: {path: "{{shared}}/models/stories260K"}
                data:
                  path: "{{shared}}/data/natural-instructions-80-clients"
                  pattern: "local_training_1*.json.gz" # local_training_40 has no answer that fits 512 tokens of this vocabulary
                  max_length: 512
                  overlong: trim-prompt
                  partition: {scheme: files, registered: {{registered}}}
                federation: {rounds: {{Rounds}}, clients_per_round: 100}
                training: {batch_size: 4, max_steps: 1, learning_rate: 1.0e-3}
                """;
            long start = System.Diagnostics.Stopwatch.GetTimestamp();
            Experiment experiment = ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml), "clients.yaml", folder);
            PreparedExperiment prepared = PreparedExperiment.Prepare(experiment);
            double ready = System.Diagnostics.Stopwatch.GetElapsedTime(start).TotalSeconds;
            var times = new RoundTimes();
            long resident = 0;
            var watch = new AfterLastRound(() => resident = ResidentMemory.Now, Rounds);
            new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(folder, "run"), [times, watch], default).GetAwaiter().GetResult();
            return new Result(
                ready, times.Seconds.Skip(1).Average(), times.Records.Skip(1).Average(r => r.Clients.Sum(c => (double)c.Tokens)), resident);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Median(Result[] results, Func<Result, double> value)
    {
        double[] sorted = [.. results.Select(value).Order()];
        return sorted[sorted.Length / 2];
    }

    private sealed record Result(double Ready, double SecondsPerRound, double TokensPerRound, double Resident);
}
