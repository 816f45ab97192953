using System.Diagnostics;
using System.Globalization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>compare FILE.yaml [--seeds 1,2,3] [--out FILE]</c>: the held-out loss of the base model, of the federated adapter, and of every client alone with as many
/// optimizer steps as the whole federation, by seed.
/// </summary>
internal static class CompareCommand
{
    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        string file = args[0];
        string[] seeds = (Arguments.Option(args, "--seeds") ?? "1,2,3").Split(',');
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine($"# Federated against local: {file}");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- compare {file} --seeds {string.Join(',', seeds)}`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine("| Seed | steps | base | federated | best client alone | median alone | federated / base | federated / best alone | run, s | all clients alone, s |");
        text.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        var curves = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        foreach (string seed in seeds)
        {
            string folder = Directory.CreateTempSubdirectory("fedllm-compare").FullName;
            try
            {
                PreparedExperiment prepared = PreparedExperiment.Prepare(ExperimentFile.Read(file, [$"seed={seed}"]));
                long start = Stopwatch.GetTimestamp();
                RunResult run = new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(folder, "run"), [], default).GetAwaiter().GetResult();
                double federatedSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                start = Stopwatch.GetTimestamp();
                LocalComparison losses = LocalComparison.MeasureAsync(prepared, run.Adapter, TimeProvider.System, null, default).GetAwaiter().GetResult();
                double localSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                double median = losses.Local.Order().ElementAt(losses.Local.Count / 2);
                text.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {seed} | {losses.Steps} | {losses.Base:F4} | {losses.Federated:F4} | {losses.BestLocal:F4} (client {losses.BestClient}) | {median:F4} | {losses.Federated / losses.Base:F3} | {losses.Federated / losses.BestLocal:F3} | {federatedSeconds:F0} | {localSeconds:F0} |"));
                curves.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Seed {seed}, held-out loss by round: {Curve(run.Rounds)}"));
                Console.Error.WriteLine($"seed {seed} done");
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        text.WriteLine();
        text.Write(curves);
        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }

    private static string Curve(IReadOnlyList<RoundRecord> rounds) => string.Join(
        ", ", rounds.Where(r => r.Evaluation is not null).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Round}: {r.Evaluation!["loss"]:F4}")));
}
