using System.Globalization;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Benchmarks;

/// <summary>
/// <c>algorithms FILE.yaml [--set key=value]… [--only NAME]… [--out FILE]</c>: runs an experiment once with every algorithm and once with every LoRA aggregation, or
/// with those named, and lists the held-out loss before and after. Each row is written to standard error as soon as it is there.
/// </summary>
internal static class AlgorithmsCommand
{
    private const string Ranks = "lora.rank_by_client={0: 4, 3: 2, 7: 4, 10: 2, 14: 4, 17: 2, 21: 4, 25: 2, 28: 4, 31: 2}";

    // FedAvgM as OpenFedLLM has it moves by the whole first mean, and then again by β of it in every round: with its β of 0.9 that is 4.1 times over five rounds,
    // far beyond where the clients' deltas lead. β = 0.5 makes it 1.9 times.
    private static readonly (string Algorithm, string Aggregation, string[] Further)[] Runs =
    [
        ("fedavg", "average", []),
        ("fedprox", "average", []),
        ("scaffold", "average", []),
        ("fedavgm", "average", ["federation.server_momentum=0.5"]),
        ("fedadagrad", "average", []),
        ("fedyogi", "average", []),
        ("fedadam", "average", []),
        ("fedavg", "ffa", []),
        ("fedavg", "rolora", []),
        ("fedavg", "fedsa", []),
        ("fedavg", "fedex", []),
        ("fedavg", "flora", []),
        ("fedavg", "flora", [Ranks]),
        ("fedavg", "flexlora", [Ranks]),
        ("fedavg", "hetlora", [Ranks]),
    ];

    /// <summary>Measures, prints the table and writes it to the file named by <c>--out</c>.</summary>
    public static int Run(string[] args)
    {
        string file = args[0];
        string[] overrides = Arguments.Options(args, "--set");
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine($"# Every algorithm: {file}");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- algorithms {file}{string.Concat(overrides.Select(o => $" --set {o}"))}`, {Machine.Describe()}.");
        text.WriteLine();
        text.WriteLine("| algorithm | LoRA aggregation | further | held-out loss before | after | training loss, first round | last | MB down | MB up |");
        text.WriteLine("|---|---|---|---:|---:|---:|---:|---:|---:|");
        string[] only = Arguments.Options(args, "--only");
        foreach ((string algorithm, string aggregation, string[] further) in Runs.Where(r => only.Length == 0 || only.Contains(r.Algorithm) || only.Contains(r.Aggregation)))
        {
            string folder = Directory.CreateTempSubdirectory("fedllm-algorithms").FullName;
            try
            {
                PreparedExperiment prepared = PreparedExperiment.Prepare(ExperimentFile.Read(
                    file, [.. overrides, $"federation.algorithm={algorithm}", $"federation.lora_aggregation={aggregation}", .. further]));
                RunResult run = new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(folder, "run"), [], default).GetAwaiter().GetResult();
                string row = string.Create(
                    CultureInfo.InvariantCulture,
                    $"| `{algorithm}` | `{aggregation}` | {(further.Length == 0 ? "" : further[0] == Ranks ? "ranks 8, 4 and 2" : $"`{further[0]}`")} | {run.Rounds[0].Evaluation!["loss"]:F4} | {run.Rounds[^1].Evaluation!["loss"]:F4} | {run.Rounds[1].TrainLoss:F4} | {run.Rounds[^1].TrainLoss:F4} | {run.Rounds.Sum(r => r.BytesDown) / 1e6:F2} | {run.Rounds.Sum(r => r.BytesUp) / 1e6:F2} |");
                text.WriteLine(row);
                Console.Error.WriteLine(row);
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        Console.Write(text);
        if (Arguments.Option(args, "--out") is { } path)
        {
            File.WriteAllText(path, text.ToString());
        }

        return 0;
    }
}
