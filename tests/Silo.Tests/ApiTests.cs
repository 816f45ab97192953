using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using FedLLM.Silo.Hosting;
using FedLLM.Silo.Tests.Clusters;
using FedLLM.TestSupport;

namespace FedLLM.Silo.Tests;

/// <summary>A silo over HTTP, asked by the real command line and by hand.</summary>
public sealed class ApiTests
{
    private const string Token = "a token of the test";
    private static readonly string[] Short = ["--set", "federation.rounds=4", "--set", "evaluation.every=2"];

    [Fact]
    public async Task Run_FromTheCommandLine_EndsWithTheEmbeddedHash()
    {
        await using var cluster = new Cluster();
        string expected = await Embedded.HashAsync("federation.rounds=4", "evaluation.every=2");
        string url = Url();
        await cluster.StartAsync(1, "--api", url);
        await cluster.StartAsync(1);

        string fetched = Path.Combine(cluster.Folder, "fetched");
        (int code, string output, string error) = await FedllmAsync(["run", DemoExperiment.File, .. Short, "--cluster", url, "--out", fetched, "--json"]);
        Assert.True(code == 0, error);
        Assert.Equal(expected, JsonDocument.Parse(output).RootElement.GetProperty("adapter").GetString());
        Assert.Equal(expected, Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(fetched, "adapter", "adapter_model.safetensors")))));
        Assert.Contains("round 4/4", error, StringComparison.Ordinal);

        // The same once more finds it finished; another experiment of that name is refused.
        Assert.Equal(0, (await FedllmAsync(["run", DemoExperiment.File, .. Short, "--cluster", url])).Code);
        (int refused, _, string why) = await FedllmAsync(["run", DemoExperiment.File, .. Short, "--set", "seed=99", "--cluster", url]);
        Assert.Equal(1, refused);
        Assert.Contains("seed", why, StringComparison.Ordinal);
        Assert.Equal(1, (await FedllmAsync(["cancel", "demo", "--cluster", url])).Code);
    }

    [Fact]
    public async Task Api_WithAToken_OpensNothingButItsHealthWithoutIt()
    {
        await using var cluster = new Cluster();
        string url = Url();
        Environment.SetEnvironmentVariable(SiloSettings.TokenVariable, Token);
        try
        {
            await cluster.StartAsync(1, "--api", url, "--insecure");
            await FedllmAsync(["run", DemoExperiment.File, .. Short, "--cluster", url]);
        }
        finally
        {
            Environment.SetEnvironmentVariable(SiloSettings.TokenVariable, null);
        }

        using var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri(url) };
        foreach (string path in (string[])["/api/runs", "/runs/demo", "/metrics", "/orleans/", "/orleans/DashboardCounters", "/orleans/GrainState?grainId=demo&grainType=FedLLM.Grains.RunGrain"])
        {
            Assert.Equal((path, HttpStatusCode.Unauthorized), (path, (await client.GetAsync(path)).StatusCode));
        }

        Assert.Equal("Healthy", await client.GetStringAsync("/health/live"));
        Assert.Equal("Healthy", await client.GetStringAsync("/health/ready"));

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", Token);
        Assert.Equal("finished", (await JsonAsync(client, "/api/runs/demo")).GetProperty("state").GetString());
        string adapter = (await JsonAsync(client, "/api/runs/demo")).GetProperty("adapter").GetString()!;
        string state = await client.GetStringAsync("/orleans/GrainState?grainId=demo&grainType=FedLLM.Grains.RunGrain");
        Assert.Contains(adapter, state, StringComparison.Ordinal);

        // What --insecure opens is said where people look.
        Assert.Contains("INSECURE", (await JsonAsync(client, "/api/cluster")).GetProperty("warning").GetString(), StringComparison.Ordinal);
        Assert.Contains("INSECURE", await client.GetStringAsync("/cluster"), StringComparison.Ordinal);
        Assert.Contains("INSECURE", cluster.Silos[0].Said, StringComparison.Ordinal);

        // Asking for a run that nobody started writes and schedules nothing.
        string[] before = Files(cluster);
        await client.GetStringAsync("/orleans/GrainState?grainId=nobody&grainType=FedLLM.Grains.RunGrain");
        Assert.Equal(before, Files(cluster));
        Assert.DoesNotContain(before, f => f.Contains("nobody", StringComparison.Ordinal));
        Assert.All(cluster.Silos, s => Assert.DoesNotContain(Token, s.Said, StringComparison.Ordinal));
    }

    [Fact]
    public async Task OrleansDashboard_OfALiveRun_TellsItsStateAndBothPagesLeadToEachOther()
    {
        await using var cluster = new Cluster();
        string url = Url();
        await cluster.StartAsync(1, "--api", url);
        await cluster.RunAsync("live", "name=live", "federation.rounds=2000");
        await cluster.WaitAsync("live", r => r is { Phase: "running", Committed: >= 2 });

        using var client = new HttpClient { BaseAddress = new Uri(url) };
        using JsonDocument state = JsonDocument.Parse(await client.GetStringAsync("/orleans/GrainState?grainId=live&grainType=FedLLM.Grains.RunGrain"));
        string text = state.RootElement.ValueKind == JsonValueKind.Object ? state.RootElement.GetProperty("value").GetString()! : state.RootElement.GetString()!;
        JsonElement run = JsonDocument.Parse(text).RootElement.EnumerateObject().First().Value;
        Assert.Equal("running", run.GetProperty("Phase").GetString());
        Assert.InRange(run.GetProperty("Committed").GetInt32(), 2, run.GetProperty("Round").GetInt32());
        Assert.Equal(5, run.GetProperty("Cohort").EnumerateArray().Select(c => c.GetInt32()).Distinct().Count());
        int committed = run.GetProperty("Committed").GetInt32();

        // Loss and hash are those of one round: the last committed, or the one before while that is being told.
        JsonElement round = (await JsonAsync(client, $"/api/runs/live/rounds?from={committed - 1}&to={committed}")).GetProperty("items").EnumerateArray()
            .Single(r => r.GetProperty("adapter").GetString() == run.GetProperty("Adapter").GetString());
        Assert.Equal(round.GetProperty("train_loss").GetDouble(), run.GetProperty("TrainLoss").GetDouble());

        // The silo says what its device does: of the run's five clients some train, side by side as far as its lanes go, and the others wait.
        await Cluster.UntilAsync(async () => Work(await JsonAsync(client, "/api/cluster")).Training.Count > 0);
        JsonElement seen = await JsonAsync(client, "/api/cluster");
        JsonElement silo = Assert.Single(seen.GetProperty("silos").EnumerateArray());
        Assert.InRange(silo.GetProperty("memory_bytes").GetInt64(), 1 << 24, 1L << 40);
        Assert.InRange(silo.GetProperty("messages_sent").GetInt64(), 1, silo.GetProperty("bytes_sent").GetInt64());
        Assert.InRange(silo.GetProperty("messages_within").GetInt64(), 10, long.MaxValue); // the coordinator's to its clients, at least
        Assert.InRange(silo.GetProperty("processors").GetDouble(), 0, 1);
        Assert.Contains("RunGrain", silo.GetProperty("activations").GetRawText(), StringComparison.Ordinal);
        (List<string> training, int lanes, int waiting) = Work(seen);
        Assert.InRange(training.Count + waiting, 0, 5);
        Assert.True(training.Count <= lanes);
        Assert.All(training, r => Assert.Equal("live", r));

        Assert.Contains("href=\"/orleans\"", await client.GetStringAsync("/cluster"), StringComparison.Ordinal);
        Assert.Contains("href=\"/cluster\"", await client.GetStringAsync("/orleans/"), StringComparison.Ordinal);
        using HttpResponseMessage cancelled = await client.PostAsync("/api/runs/live/cancel", null);
        Assert.True(cancelled.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData("--api", "http://0.0.0.0:5080")]
    [InlineData("--api", "ftp://127.0.0.1")]
    [InlineData("--data", "/there/is/nothing")]
    public async Task Settings_ThatCannotBe_AreNamedAndExitWith2(string name, string value)
    {
        (int code, _, string error) = await Programs.RunAsync("fedllm-silo.dll", name, value);
        Assert.Equal(2, code);
        Assert.Contains(value, error, StringComparison.Ordinal);
    }

    // The runs whose clients the one device trains, its lanes, and how many wait.
    private static (List<string> Training, int Lanes, int Waiting) Work(JsonElement cluster)
    {
        JsonElement[] devices = [.. cluster.GetProperty("silos").EnumerateArray().SelectMany(s => s.GetProperty("devices").EnumerateArray())];
        return devices is [var device]
            ? ([.. device.GetProperty("training").EnumerateArray().Select(t => t.GetProperty("run").GetString()!)], device.GetProperty("lanes").GetInt32(), device.GetProperty("waiting_count").GetInt32())
            : ([], 0, 0);
    }

    private static string Url() => $"http://127.0.0.1:{Ports.Free(1)[0]}";

    private static string[] Files(Cluster cluster) =>
        [.. Directory.EnumerateFiles(cluster.Folder, "*", SearchOption.AllDirectories).Where(f => !f.Contains("members", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    private static async Task<JsonElement> JsonAsync(HttpClient client, string path) => JsonDocument.Parse(await client.GetStringAsync(path)).RootElement;

    private static Task<(int Code, string Output, string Error)> FedllmAsync(string[] arguments) => Programs.RunAsync("fedllm.dll", arguments);
}
