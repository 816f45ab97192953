using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using FedLLM.GrainInterfaces;
using FedLLM.Silo.Tests.Clusters;
using FedLLM.TestSupport;

namespace FedLLM.Silo.Tests;

/// <summary>What is in a pinned shard stays on its silo: a text planted there is looked for everywhere else, after everything that a run may meet.</summary>
public sealed class CanaryTests
{
    private static readonly string[] Names = ["a", "b", "c"];
    private static readonly string[] Runs = ["sft", "dpo", "broken"];

    [SkippableFact]
    public async Task Run_TextsPlantedInPinnedShards_OccurNowhereButOnTheirSilos()
    {
        Skip.If(OperatingSystem.IsWindows(), "There is no SIGKILL.");
        using var shards = new PinnedDemo(Names);
        foreach (string name in Names)
        {
            shards.Plant(name, CanaryOf(name));
        }

        string broken = shards.Break("b", CanaryOf("b"));
        string url = $"http://127.0.0.1:{Ports.Free(1)[0]}";
        await using TelemetrySink telemetry = await TelemetrySink.StartAsync();
        await using var cluster = new Cluster("--Logging:LogLevel:Default=Debug");
        telemetry.Hear(cluster);
        List<SiloProcess> silos =
            [.. await cluster.StartAsync(Names.Select(name => (string[])[.. shards.Settings(name), .. name == "a" ? (string[])["--api", url] : []]))];
        using var http = new HttpClient { BaseAddress = new Uri(url) };
        await using Stream live = await http.GetStreamAsync("/api/events");
        var events = new MemoryStream();
        using var enough = new CancellationTokenSource();
        Task listening = live.CopyToAsync(events, enough.Token);

        // Instruction tuning, with a crash in it; every client is in every round.
        string[] common = [.. PinnedDemo.Overrides, "federation.clients_per_round=20", "training.max_steps=1", "checkpoint.keep_updates=true"];
        await cluster.RunAsync("sft", [.. common, "name=sft", "federation.rounds=2", "evaluation.every=1"]);
        await cluster.WaitAsync("sft", r => r.Answered >= 1 || r.Committed >= 1);
        await silos[2].KillAsync();
        await cluster.WaitAsync("sft", r => r.Reason?.Contains("silo c", StringComparison.Ordinal) == true);
        silos.Add(await cluster.RestartAsync(silos[2]));
        await cluster.FinishAsync("sft");

        // Preference learning.
        await cluster.RunAsync("dpo", [.. common, "name=dpo", "task=dpo", "data.path=pairs", "evaluation.data=none", "evaluation.suites=[preference]", "dpo.max_prompt_length=64", "federation.rounds=1"]);
        await cluster.FinishAsync("dpo");

        // A line that is no JSON: file and line are named.
        await cluster.RunAsync("broken", [.. common, "name=broken", "data.path=broken", "data.partition.clients=1", "federation.clients_per_round=1"]);
        RunInfo failed = await cluster.WaitAsync("broken", r => r.Phase != "running");
        Assert.StartsWith($"Silo b cannot use its shards: {broken}, line 2", failed.Reason, StringComparison.Ordinal);

        Dictionary<string, string> said = await AnswersAsync(http);
        await Cluster.UntilAsync(() => telemetry.Received.Any(r => r.Text.Contains("IShardsGrain", StringComparison.Ordinal)));
        await enough.CancelAsync();
        await Task.WhenAny(listening);
        said["events"] = Encoding.UTF8.GetString(events.ToArray());
        said["telemetry"] = string.Concat(telemetry.Received.Select(r => r.Text));
        foreach ((int i, SiloProcess silo) in silos.Index())
        {
            said[$"what silo process {i} wrote"] = silo.Said;
        }

        // The planted records were read, the run's files and answers tell of their clients, and the text is found where it is.
        string[] own = [.. Names.Select(shards.DataOf).SelectMany(Directory.EnumerateFiles)];
        using JsonDocument clients = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(cluster.Folder, "sft", "clients.json")));
        Assert.Equal(own.Sum(file => File.ReadLines(file).Count()), clients.RootElement.EnumerateArray().Sum(c => c.GetProperty("records").GetInt32()));
        Assert.All(said.Keys.Where(k => k is "/api/runs/sft/clients" or "/runs/dpo/clients" or "events"), k => Assert.NotEmpty(said[k]));
        Assert.Contains("client_00", said["/api/runs/sft/clients"], StringComparison.Ordinal);
        foreach (string name in Names)
        {
            string canary = CanaryOf(name);
            Assert.Equal(2 * Directory.GetFiles(shards.DataOf(name)).Length + (name == "b" ? 1 : 0), Files(shards.FolderOf(name)).Count(f => Holds(f, canary)));
            string[] elsewhere = [.. Names.Where(n => n != name).Select(shards.FolderOf).Append(cluster.Folder).SelectMany(Files)];
            Assert.DoesNotContain(elsewhere, f => Holds(f, canary));
            Assert.DoesNotContain(said, s => s.Value.Contains(canary, StringComparison.Ordinal));
        }
    }

    [SkippableFact]
    public async Task Run_OnPostgres_TextsPlantedInPinnedShards_AreNotInTheDatabase()
    {
        await using PostgresServer postgres = await PostgresServer.StartNewAsync();
        string[] names = ["a", "b"];
        using var shards = new PinnedDemo(names);
        foreach (string name in names)
        {
            shards.Plant(name, CanaryOf(name));
        }

        string broken = shards.Break("b", CanaryOf("b"));
        await using var cluster = new Cluster("--mode", "adonet", "--Silo:ConnectionString", postgres.ConnectionString, "--Logging:LogLevel:Default=Debug");
        await cluster.StartAsync(names.Select(shards.Settings));
        string[] common = [.. PinnedDemo.Overrides, "federation.clients_per_round=20", "training.max_steps=1", "federation.rounds=1"];
        await cluster.RunAsync("sft", [.. common, "name=sft"]);
        await cluster.FinishAsync("sft");
        await cluster.RunAsync("broken", [.. common, "name=broken", "data.path=broken", "data.partition.clients=1", "federation.clients_per_round=1"]);
        RunInfo failed = await cluster.WaitAsync("broken", r => r.Phase != "running");
        Assert.StartsWith($"Silo b cannot use its shards: {broken}, line 2", failed.Reason, StringComparison.Ordinal);

        // Both runs, what was started and why one failed are in it; so the texts would be found.
        string database = await postgres.TextAsync();
        Assert.All((string[])["data.placement=pinned", broken], known => Assert.True(PostgresServer.Holds(database, known), known));
        foreach (string canary in names.Select(CanaryOf))
        {
            Assert.False(PostgresServer.Holds(database, canary));
            Assert.DoesNotContain(Files(cluster.Folder), f => Holds(f, canary));
            Assert.All(cluster.Silos, s => Assert.DoesNotContain(canary, s.Said, StringComparison.Ordinal));
        }
    }

    private static string CanaryOf(string silo) => $"Canary{silo}Q7Z1X";

    private static async Task<Dictionary<string, string>> AnswersAsync(HttpClient http)
    {
        string[] paths =
        [
            "/", "/cluster", "/metrics", "/api/runs", "/api/cluster", "/orleans/DashboardCounters", "/orleans/Reminders", "/orleans/TopGrainMethods", "/orleans/ClusterStats",
            .. Runs.SelectMany(run => (string[])
            [
                $"/runs/{run}", $"/runs/{run}/rounds", $"/runs/{run}/rounds/1", $"/runs/{run}/clients", .. Enumerable.Range(0, 3).Select(c => $"/runs/{run}/clients/{c}"), $"/runs/{run}/samples",
                $"/api/runs/{run}", $"/api/runs/{run}/rounds", $"/api/runs/{run}/rounds.jsonl", $"/api/runs/{run}/rounds/1", $"/api/runs/{run}/events", $"/api/runs/{run}/charts",
                $"/api/runs/{run}/clients", .. Enumerable.Range(0, 3).Select(c => $"/api/runs/{run}/clients/{c}"), $"/api/runs/{run}/experiment", $"/api/runs/{run}/rounds.csv",
                $"/orleans/GrainState?grainId={run}&grainType=FedLLM.Grains.RunGrain",
            ]),
        ];
        var answers = new Dictionary<string, string>();
        foreach (string path in paths)
        {
            using HttpResponseMessage answer = await http.GetAsync(path);
            answers[path] = await answer.Content.ReadAsStringAsync();
        }

        using HttpResponseMessage sample = await http.PostAsJsonAsync("/api/runs/sft/samples", new { prompt = "Judge the mood of this review." });
        Assert.False(sample.IsSuccessStatusCode);
        answers["a sample"] = await sample.Content.ReadAsStringAsync();
        return answers;
    }

    private static IEnumerable<string> Files(string folder) => Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories);

    // Texts are in UTF-8 everywhere but in .NET's memory.
    private static bool Holds(string file, string canary)
    {
        ReadOnlySpan<byte> bytes = File.ReadAllBytes(file);
        return bytes.IndexOf(Encoding.UTF8.GetBytes(canary)) >= 0 || bytes.IndexOf(Encoding.Unicode.GetBytes(canary)) >= 0;
    }
}
