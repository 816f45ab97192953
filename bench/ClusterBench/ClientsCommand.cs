using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using FedLLM.Benchmarks;
using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.ClusterBench;

/// <summary>1,000 registered clients, 100 a round, on one, two and three silos with as many threads together as the machine has cores; then more registered, and fewer a round.</summary>
internal static class ClientsCommand
{
    private const string ClientGrain = "ClientGrain";

    public static async Task<int> RunAsync(string[] args)
    {
        int rounds = int.Parse(Arguments.Option(args, "--rounds") ?? "5", CultureInfo.InvariantCulture);
        Console.WriteLine($"{Machine.Describe()}.");
        Console.WriteLine("\n| silos | threads each | registered | a round | messages a round between silos | KiB a round between silos | messages a round within them | most client grains at once | client grains after the last round | MiB resident a silo | coordinator s a round, besides training | rounds an hour |");
        Console.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach ((int silos, int registered, int cohort) in ((int, int, int)[])[(1, 1000, 100), (2, 1000, 100), (3, 1000, 100), (3, 10_000, 100), (3, 1000, 10)])
        {
            await MeasureAsync(silos, registered, cohort, rounds);
        }

        return 0;
    }

    private static async Task MeasureAsync(int silos, int registered, int cohort, int rounds)
    {
        int threads = Math.Max(1, Environment.ProcessorCount / silos);
        await using var cluster = new Cluster("--wake-seconds", "30", "--probe-seconds", "5", "--threads", threads.ToString(CultureInfo.InvariantCulture));
        string url = $"http://127.0.0.1:{Ports.Free(1)[0]}";
        await cluster.StartAsync(1, "--api", url);
        await cluster.StartAsync(silos - 1);
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        string[] experiment =
        [
            $"federation.rounds={rounds}", $"federation.clients_per_round={cohort}", "training.max_steps=1", "evaluation.every=1000", $"data.partition.registered={registered}",
        ];
        await cluster.RunAsync("demo", experiment);

        // The first round reads model and data on every silo.
        int first = (await cluster.WaitAsync("demo", r => r.Committed >= 1)).Committed;
        long[] before = await SentAsync(http);
        long begun = Stopwatch.GetTimestamp();
        int most = 0;
        RunInfo run;
        do
        {
            most = Math.Max(most, await ClientGrainsAsync(cluster));
            run = await cluster.WaitAsync("demo", _ => true);
            await Task.Delay(1000);
        }
        while (run.Phase == "running");
        double hours = Stopwatch.GetElapsedTime(begun).TotalHours;

        // The looks at grains and run are messages too, a dozen each.
        double[] sent = [.. (await SentAsync(http)).Zip(before, (now, then) => (now - then) / (double)(rounds - first))];
        double memory = cluster.Silos.Average(s => s.ResidentBytes) / (1 << 20);
        string own = Path.Combine(cluster.Folder, "demo", "rounds.jsonl");
        double coordinator = File.ReadLines(own).Skip(2).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("seconds"))
            .Average(s => s.EnumerateObject().Where(p => p.Name != "train").Sum(p => p.Value.GetDouble()));
        Console.WriteLine(FormattableString.Invariant(
            $"| {silos} | {threads} | {registered} | {cohort} | {sent[0]:F0} | {sent[1] / 1024:F0} | {sent[2]:F0} | {most} | {await ClientGrainsAsync(cluster)} | {memory:F0} | {coordinator:F2} | {(rounds - first) / hours:F0} |"));
    }

    // What the silos have sent by now: messages, their bytes, and messages within them. They tell every two seconds.
    private static async Task<long[]> SentAsync(HttpClient http)
    {
        JsonElement[] silos;
        do
        {
            await Task.Delay(3000);
            silos = [.. (await JsonDocument.ParseAsync(await http.GetStreamAsync("/api/cluster"))).RootElement.GetProperty("silos").EnumerateArray()];
        }
        while (silos.Any(s => !s.TryGetProperty("messages_sent", out JsonElement count) || count.ValueKind != JsonValueKind.Number));
        return [.. ((string[])["messages_sent", "bytes_sent", "messages_within"]).Select(name => silos.Sum(s => s.GetProperty(name).GetInt64()))];
    }

    private static Task<int> ClientGrainsAsync(Cluster cluster) => cluster.CallAsync(async grains =>
        (await grains.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics()).Where(s => s.GrainType.Contains(ClientGrain, StringComparison.Ordinal)).Sum(s => s.ActivationCount));
}
