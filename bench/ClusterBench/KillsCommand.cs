using System.Diagnostics;
using System.Globalization;
using FedLLM.Benchmarks;
using FedLLM.GrainInterfaces;
using FedLLM.Numerics;
using FedLLM.Silo.Tests.Clusters;

namespace FedLLM.ClusterBench;

/// <summary>
/// The demo's experiment on three silos, of which a trainer's, the coordinator's or all are ended by SIGKILL at a random instant of the run. Nobody but the cluster
/// sets the run going again; silos that were killed are started anew. Compared are the final adapters, and the wall time with an undisturbed run's.
/// </summary>
internal static class KillsCommand
{
    private static readonly string[] Victims = ["a trainer", "the coordinator", "all"];
    private static readonly string[] Experiment = ["federation.rounds=16", "evaluation.every=4"];

    public static async Task<int> RunAsync(string[] args)
    {
        int kills = int.Parse(Arguments.Option(args, "--kills") ?? "20", CultureInfo.InvariantCulture);
        int seed = int.Parse(Arguments.Option(args, "--seed") ?? "1", CultureInfo.InvariantCulture);
        var instants = new CounterRandom((ulong)seed, RandomPurpose.DataSampling);
        await using var cluster = new Cluster("--wake-seconds", "5", "--probe-seconds", "2");
        await cluster.StartAsync(3);
        await MeasureAsync(cluster, "warm-up", null);
        (double life, string expected) = await MeasureAsync(cluster, "undisturbed", null);
        Console.WriteLine($"{Machine.Describe()}, three silos of one thread each on one machine.");
        Console.WriteLine(FormattableString.Invariant($"Undisturbed: {life:F1} s, adapter {expected[..12]}."));
        Console.WriteLine("\n| kill | of | at s | run s | lost s | same adapter | trainings | done twice |\n|---:|---|---:|---:|---:|---|---:|---:|");
        int different = 0;
        for (int i = 0; i < kills; i++)
        {
            string name = FormattableString.Invariant($"killed-{i}");
            double at = life * instants.UniformDouble((ulong)i);
            (double seconds, string hash) = await MeasureAsync(cluster, name, (Victims[i % Victims.Length], TimeSpan.FromSeconds(at)));
            IReadOnlyList<(int Round, int Client, int Times)> trainings = RunJournals.Trainings(Path.Combine(cluster.Folder, name));
            different += hash == expected ? 0 : 1;
            Console.WriteLine(FormattableString.Invariant(
                $"| {i + 1} | {Victims[i % Victims.Length]} | {at:F1} | {seconds:F1} | {seconds - life:F1} | {(hash == expected ? "yes" : "NO")} | {trainings.Sum(t => t.Times)} | {trainings.Sum(t => t.Times - 1)} |"));
        }

        return different == 0 ? 0 : 1;
    }

    private static async Task<(double Seconds, string Hash)> MeasureAsync(Cluster cluster, string name, (string Victim, TimeSpan At)? kill)
    {
        long begun = Stopwatch.GetTimestamp();
        await cluster.RunAsync(name, Experiment);
        if (kill is { } planned)
        {
            await Task.Delay(planned.At);
            RunInfo running = await cluster.WaitAsync(name, _ => true);
            SiloProcess coordinator = cluster.HostOf(running);
            SiloProcess[] victims = planned.Victim switch
            {
                "all" => [.. cluster.Silos],
                "the coordinator" => [coordinator],
                _ => [cluster.Silos.First(s => s != coordinator)],
            };
            await Task.WhenAll(victims.Select(v => v.KillAsync()));
            await Task.WhenAll(victims.Select(cluster.RestartAsync));
        }

        string hash = await cluster.FinishAsync(name);
        return (Stopwatch.GetElapsedTime(begun).TotalSeconds, hash);
    }
}
