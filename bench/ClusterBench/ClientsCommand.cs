using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedLLM.Benchmarks;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.ClusterBench;

/// <summary>1,000 registered clients, 100 a round, on one, two and three silos with as many threads together as the machine has cores.</summary>
internal static class ClientsCommand
{
    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = int.Parse(Arguments.Option(args, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        Console.WriteLine($"{Machine.Describe()}.");
        Console.WriteLine("\n| silos | threads each | registered | rounds an hour | client grains after the last round | MiB resident a silo | coordinator s a round, besides training |\n|---:|---:|---:|---:|---:|---:|---:|");
        foreach ((int silos, int registered) in ((int, int)[])[(1, 1000), (2, 1000), (3, 1000), (3, 10_000)])
        {
            await MeasureAsync(silos, registered, rounds);
        }

        return 0;
    }

    private static async Task MeasureAsync(int silos, int registered, int rounds)
    {
        int threads = Math.Max(1, Environment.ProcessorCount / silos);
        await using var cluster = new Cluster("--wake-seconds", "30", "--probe-seconds", "5", "--threads", threads.ToString(CultureInfo.InvariantCulture));
        await cluster.StartAsync(silos);
        string[] experiment =
        [
            $"federation.rounds={rounds}", "federation.clients_per_round=100", "training.max_steps=1", "evaluation.every=1000", $"data.partition.registered={registered}",
        ];
        await cluster.RunAsync("demo", experiment);

        // The first round reads model and data on every silo.
        await cluster.WaitAsync("demo", r => r.Committed >= 1);
        long begun = Stopwatch.GetTimestamp();
        await cluster.FinishAsync("demo");
        double hours = Stopwatch.GetElapsedTime(begun).TotalHours;
        int grains = await cluster.CallAsync(async factory =>
            (await factory.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics()).Where(s => s.GrainType.Contains("ClientGrain", StringComparison.Ordinal)).Sum(s => s.ActivationCount));
        double memory = cluster.Silos.Average(s => s.ResidentBytes) / (1 << 20);
        string own = Path.Combine(cluster.Folder, "demo", "rounds.jsonl");
        double coordinator = File.ReadLines(own).Skip(2).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("seconds"))
            .Average(s => s.EnumerateObject().Where(p => p.Name != "train").Sum(p => p.Value.GetDouble()));
        Console.WriteLine(FormattableString.Invariant(
            $"| {silos} | {threads} | {registered} | {(rounds - 1) / hours:F0} | {grains} | {memory:F0} | {coordinator:F2} |"));
    }
}
