using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed class ApiTests : IAsyncLifetime
{
    private readonly RunFiles _run = new();
    private readonly FakeHost _host = new() { Working = true, Control = new FakeControl(), Sampler = new EchoSampler() };
    private Served _served = null!;

    public async Task InitializeAsync()
    {
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3), RunFiles.Line(2, 2, 2.5, RunFiles.Held)).Describe(("first", [("a", 3)]), ("second", [("b", 4)]));
        _run.Adapter(RunFiles.Hash(2), [7, 8]);
        var feed = new ClusterTwin(_host.Feed(_run.Folder));
        feed.Set(ClusterTwin.Silos(waiting: 1));
        _served = await Served.Start(feed);
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _run.Dispose();
    }

    [Fact]
    public async Task Runs_One_IsSummedUp()
    {
        JsonElement run = (await _served.Json("/api/runs")).EnumerateArray().Single();
        Assert.Equal(("run", "running", 2, 4), (run.GetProperty("id").GetString(), run.GetProperty("state").GetString(), run.GetProperty("round").GetInt32(), run.GetProperty("rounds").GetInt32()));
        Assert.Equal((2, 2.5), (run.GetProperty("train_loss").GetDouble(), run.GetProperty("evaluation").GetProperty("loss").GetDouble()));
        Assert.Equal((4000, 4000, 300, 6), (run.GetProperty("bytes_down").GetInt64(), run.GetProperty("bytes_up").GetInt64(), run.GetProperty("tokens").GetInt64(), run.GetProperty("seconds").GetDouble()));
    }

    [Fact]
    public async Task Rounds_FromTo_AreThoseLines()
    {
        JsonElement part = await _served.Json("/api/runs/run/rounds?from=1&to=1");
        Assert.Equal(3, part.GetProperty("total").GetInt32());
        Assert.Equal(3.5, part.GetProperty("items").EnumerateArray().Single().GetProperty("clients")[0].GetProperty("loss").GetDouble());
        Assert.Equal(2, (await _served.Json("/api/runs/run/rounds/2")).GetProperty("round").GetInt32());
    }

    [Fact]
    public async Task Chart_JsonAndCsv_HaveTheRunsValues()
    {
        JsonElement chart = await _served.Json("/api/runs/run/charts/loss?x=tokens");
        JsonElement train = chart.GetProperty("series")[0];
        Assert.Equal([0, 150, 300], train.GetProperty("x").EnumerateArray().Select(x => x.GetDouble()));
        Assert.Equal(JsonValueKind.Null, train.GetProperty("y")[0].ValueKind);
        Assert.StartsWith("tokens,train,train_low,train_high,held_out\r\n0,,,,4\r\n150,3,2.5,3.5,\r\n", await _served.Text("/api/runs/run/charts/loss.csv?x=tokens"), StringComparison.Ordinal);
        string[] rounds = (await _served.Text("/api/runs/run/rounds.csv")).Split("\r\n");
        Assert.Equal($"2,2,2,0,2,0.01,150,2000,2000,,{RunFiles.Hash(2)},,2.5,,2,0.5", rounds[3]);
    }

    [Fact]
    public async Task Clients_Sampled_AreCounted()
    {
        JsonElement clients = await _served.Json("/api/runs/run/clients");
        Assert.Equal(2, clients.GetProperty("total").GetInt32());
        JsonElement second = clients.GetProperty("items")[1];
        Assert.Equal((2, 1.5), (second.GetProperty("sampled").GetInt32(), second.GetProperty("last_loss").GetDouble()));
        Assert.Equal(4, second.GetProperty("card").GetProperty("labels").GetProperty("b").GetInt32());
    }

    [Theory]
    [InlineData("/api/runs/run/adapter")]
    [InlineData("/api/runs/run/rounds/2/adapter")]
    public async Task Adapter_Downloaded_IsPeftsTwoFiles(string address)
    {
        byte[] bytes = await _served.Client.GetByteArrayAsync(address);
        using var zip = new ZipArchive(new MemoryStream(bytes));
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], zip.Entries.Select(e => e.FullName));
        var weights = new MemoryStream();
        zip.Entries[1].Open().CopyTo(weights);
        Assert.Equal([7, 8], weights.ToArray());
    }

    [Theory]
    [InlineData("/api/runs/none")]
    [InlineData("/api/runs/none/rounds")]
    [InlineData("/api/runs/run/rounds/9")]
    [InlineData("/api/runs/run/rounds/1/adapter")]
    [InlineData("/api/runs/run/charts/none")]
    [InlineData("/api/runs/run/clients/9")]
    [InlineData("/runs/none")]
    [InlineData("/runs/run/rounds/9")]
    [InlineData("/runs/..%2f..%2fetc%2fpasswd")]
    [InlineData("/api/runs/..%2frun/experiment")]
    [InlineData("/assets/x/..%2fdashboard.css")]
    public async Task Address_OfNothing_IsNotFound(string address) => await _served.Text(address, HttpStatusCode.NotFound);

    [Fact]
    public async Task Samples_Question_IsAnsweredByBaseAndNewestAdapter()
    {
        using HttpResponseMessage answer = await _served.Client.PostAsJsonAsync("/api/runs/run/samples", new { prompt = "hello", max_new_tokens = 4, rounds = Array.Empty<int>() });
        JsonElement answers = (await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("answers");
        Assert.Equal(["hello by base", "hello by 7,8"], answers.EnumerateArray().Select(a => a.GetProperty("text").GetString()!));
    }

    [Fact]
    public async Task Samples_RoundWhoseCheckpointWent_IsNamedAndTheOthersAnswer()
    {
        // As on a live run: the page offers round 1, and before the question comes its checkpoint is gone.
        string stored = _run[$"store/{RunFiles.Hash(1)[..2]}/{RunFiles.Hash(1)}.safetensors"];
        File.WriteAllBytes(stored, [5]);
        _run.Append(RunFiles.Line(3, 1)).Adapter(RunFiles.Hash(3), [9]);
        Assert.Contains("name=\"round\" value=\"1\"", await _served.Text("/runs/run/samples"), StringComparison.Ordinal);
        File.Delete(stored);
        using HttpResponseMessage page = await _served.Client.PostAsync(
            "/runs/run/samples", new FormUrlEncodedContent([new("prompt", "hello"), new("tokens", "4"), new("round", "1"), new("round", "2")]));
        string text = await page.Content.ReadAsStringAsync();
        Assert.Contains("Round 1 does not answer", text, StringComparison.Ordinal);
        Assert.Equal(["base", "7,8", "9"], System.Text.RegularExpressions.Regex.Matches(text, "<pre>hello by ([^<]*)</pre>").Select(m => m.Groups[1].Value));
    }

    [Theory]
    [InlineData("", 4, 0)]
    [InlineData("x", 0, 0)]
    [InlineData("x", 257, 0)]
    [InlineData("x", 4, 7)]
    public async Task Samples_OutOfBounds_AreRefusedWithAReason(string prompt, int tokens, int rounds)
    {
        using HttpResponseMessage answer = await _served.Client.PostAsJsonAsync(
            "/api/runs/run/samples", new { prompt, max_new_tokens = tokens, rounds = Enumerable.Range(0, rounds) });
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEmpty((await answer.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("problem").GetString()!);
    }

    [Fact]
    public async Task Control_PauseResumeCancel_ReachesTheRun()
    {
        using HttpResponseMessage paused = await _served.Client.PostAsync("/api/runs/run/pause", null);
        Assert.Equal("paused", (await paused.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("state").GetString());
        Assert.Equal("paused", (await _served.Json("/api/runs/run")).GetProperty("state").GetString());
        _host.State = new HostedState(RunState.Pausing);
        Assert.Equal("pausing", (await _served.Json("/api/runs/run")).GetProperty("state").GetString());
        Assert.Contains("id=\"resume\"", await _served.Text("/runs/run"), StringComparison.Ordinal);
        _host.State = null;
        Assert.Contains("id=\"resume\"", await _served.Text("/runs/run"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Redirect, await _served.Send(HttpMethod.Post, "/runs/run/resume"));
        Assert.False(_host.Control!.Paused);
        Assert.Equal(HttpStatusCode.OK, await _served.Send(HttpMethod.Post, "/api/runs/run/cancel"));
        Assert.True(_host.Control.Cancelled);
    }

    [Fact]
    public async Task Control_HostWithout_HasNoButtonsAndNoAddress()
    {
        _host.Control = null;
        Assert.DoesNotContain("id=\"pause\"", await _served.Text("/runs/run"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.NotFound, await _served.Send(HttpMethod.Post, "/api/runs/run/pause"));
    }

    [Fact]
    public async Task Events_RoundWritten_AreToldToTheListener()
    {
        using HttpResponseMessage answer = await _served.Client.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("event: hello", await lines.ReadLineAsync());
        _run.Append(RunFiles.Line(3, 1));
        string? line;
        do
        {
            line = await lines.ReadLineAsync();
        }
        while (line != "event: change");
        JsonElement change = JsonDocument.Parse((await lines.ReadLineAsync())!["data: ".Length..]).RootElement;
        Assert.Equal("run", change.GetProperty("runs").EnumerateArray().Single().GetString());
    }

    [Fact]
    public async Task Metrics_OfARun_ArePrometheusText()
    {
        string[] lines = (await _served.Text("/metrics")).Split('\n');
        Assert.Contains("fedllm_run_rounds_done{run=\"run\"} 2", lines);
        Assert.Contains("fedllm_run_bytes_down_total{run=\"run\"} 4000", lines);
        Assert.Contains("fedllm_run_seconds_total{run=\"run\",phase=\"train\"} 4", lines);
        Assert.Contains("fedllm_run_evaluation{run=\"run\",suite=\"loss\"} 2.5", lines);
        Assert.All(lines.Where(l => l.Length > 0 && l[0] != '#'), l => Assert.Matches(@"^[a-z_]+\{[^}]+\} \S+$", l));
    }

    [Fact]
    public async Task OpenApi_Document_DescribesExactlyTheApisRoutes()
    {
        JsonElement paths = (await _served.Json("/api/openapi.json")).GetProperty("paths");
        string[] described = [.. paths.EnumerateObject().SelectMany(p => p.Value.EnumerateObject().Select(m => $"{m.Name.ToUpperInvariant()} {p.Name}")).Order(StringComparer.Ordinal)];
        string page = await _served.Text("/api");
        string[] listed = [.. System.Text.RegularExpressions.Regex.Matches(page, "<td><code>([A-Z]+)</code></td><th scope=\"row\"><code>([^<]+)</code>")
            .Select(m => $"{m.Groups[1].Value} {m.Groups[2].Value}").Order(StringComparer.Ordinal)];
        Assert.Equal(listed, described);
        Assert.True(described.Length > 20, string.Join('\n', described));

        // Every reading route without parameters of its own answers.
        foreach (string path in paths.EnumerateObject().Where(p => p.Value.TryGetProperty("get", out _)).Select(p => p.Name).Where(p => p != "/api/events"))
        {
            string filled = path.Replace("{run}", "run", StringComparison.Ordinal).Replace("{round}", "2", StringComparison.Ordinal)
                .Replace("{client}", "1", StringComparison.Ordinal).Replace("{measure}", "loss", StringComparison.Ordinal);
            filled = filled.Replace("{chart}", path.Contains("compare", StringComparison.Ordinal) ? "train_loss" : "loss", StringComparison.Ordinal);
            await _served.Text(path.Contains("compare", StringComparison.Ordinal) ? filled + "?run=run" : filled);
        }
    }
}
