using System.Net;
using FedLLM.Dashboard.Hosting;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed class AccessTests : IDisposable
{
    private readonly RunFiles _run = new();

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData("evil.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("127.0.0.1.evil.example", HttpStatusCode.MisdirectedRequest)]
    [InlineData("10.0.0.7:5080", HttpStatusCode.MisdirectedRequest)]
    [InlineData("localhost:1234", HttpStatusCode.OK)]
    [InlineData("127.0.0.1", HttpStatusCode.OK)]
    [InlineData("[::1]:5080", HttpStatusCode.OK)]
    public async Task HostHeader_OnLoopback_MustNameLoopback(string host, HttpStatusCode expected)
    {
        await using Served served = await Served.Start(Feed());
        Assert.Equal(expected, await served.Send(HttpMethod.Get, "/api/runs", ("Host", host)));
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-site", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "http://evil.example", HttpStatusCode.Forbidden)]
    [InlineData("Origin", "null", HttpStatusCode.Forbidden)]
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.OK)]
    public async Task Change_FromAnotherSite_IsRefused(string header, string value, HttpStatusCode expected)
    {
        var host = new FakeHost { Working = true, Control = new FakeControl() };
        await using Served served = await Served.Start(host.Feed(_run.Root));
        Assert.Equal(expected, await served.Send(HttpMethod.Post, "/api/runs/run/cancel", (header, value)));
        Assert.Equal(expected == HttpStatusCode.OK, host.Control.Cancelled);
    }

    [Fact]
    public async Task Token_Chosen_IsAskedForEverywhere()
    {
        await using Served served = await Served.Start(Feed(), token: "open sesame");
        Assert.Null(served.Link);
        foreach (string path in (string[])["/", "/api/runs", "/metrics", "/api/events", "/runs/run/rounds", "/api/openapi.json"])
        {
            Assert.Equal(HttpStatusCode.Unauthorized, await served.Send(HttpMethod.Get, path));
            Assert.Equal(HttpStatusCode.Unauthorized, await served.Send(HttpMethod.Get, path, ("Authorization", "Bearer open")));
        }

        Assert.Equal(HttpStatusCode.OK, await served.Send(HttpMethod.Get, "/api/runs", ("Authorization", "Bearer open sesame")));
        Assert.Equal(HttpStatusCode.Redirect, await served.Send(HttpMethod.Get, "/", ("Accept", "text/html")));
        await served.Text("/enter");
    }

    [Fact]
    public async Task Token_EnteredOnThePage_LetsTheBrowserInAlsoAfterARestart()
    {
        string cookie;
        await using (Served served = await Served.Start(Feed(), token: "secret"))
        {
            using HttpResponseMessage wrong = await Enter(served, "guess");
            Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
            using HttpResponseMessage right = await Enter(served, "secret");
            Assert.Equal(HttpStatusCode.Redirect, right.StatusCode);
            string set = right.Headers.GetValues("Set-Cookie").Single();
            Assert.Contains("httponly", set, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("secret", set, StringComparison.Ordinal);
            cookie = set.Split(';')[0];
        }

        await using Served next = await Served.Start(Feed(), token: "secret");
        Assert.Equal(HttpStatusCode.OK, await next.Send(HttpMethod.Get, "/api/runs", ("Cookie", cookie)));
        await using Served other = await Served.Start(Feed(), token: "another");
        Assert.Equal(HttpStatusCode.Unauthorized, await other.Send(HttpMethod.Get, "/api/runs", ("Cookie", cookie)));
    }

    [Fact]
    public async Task Link_OnAnyAddress_WorksOnce()
    {
        await using Served served = await Served.Start(Feed(), url: "http://0.0.0.0:0");
        string link = served.Link![served.Link!.IndexOf("/?", StringComparison.Ordinal)..];
        Assert.Equal(HttpStatusCode.Unauthorized, await served.Send(HttpMethod.Get, "/"));
        Assert.Equal(HttpStatusCode.Unauthorized, await served.Send(HttpMethod.Get, link[..^1]));
        using HttpResponseMessage first = await served.Client.GetAsync(link);
        Assert.Equal(HttpStatusCode.Redirect, first.StatusCode);
        string cookie = first.Headers.GetValues("Set-Cookie").Single().Split(';')[0];
        Assert.Equal(HttpStatusCode.OK, await served.Send(HttpMethod.Get, "/", ("Cookie", cookie)));
        Assert.Equal(HttpStatusCode.Unauthorized, await served.Send(HttpMethod.Get, link));
    }

    [Fact]
    public async Task Page_Answered_AllowsNothingFromElsewhere()
    {
        await using Served served = await Served.Start(Feed());
        using HttpResponseMessage answer = await served.Client.GetAsync("/");
        string policy = answer.Headers.GetValues("Content-Security-Policy").Single();
        Assert.StartsWith("default-src 'none';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("://", (await served.Text("/")).Replace("http://www.w3.org", string.Empty, StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.False(answer.Headers.Contains("Set-Cookie"));
    }

    [Fact]
    public async Task Addresses_OfARunWithItsShardInside_NeverHoldTheShardsText()
    {
        const string Secret = "the patient in bed seven";
        Directory.CreateDirectory(_run["data"]);
        File.WriteAllText(_run["data/client_0.jsonl"], $"{{\"instruction\":\"{Secret}\",\"response\":\"{Secret}\"}}\n");
        File.AppendAllText(_run["experiment.yaml"], $"data:\n  path: \"{_run["data"]}\"\n");
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3, extra: RunFiles.Held)).Describe(("first", [("a", 3)]), ("second", [("b", 4)])).Adapter(RunFiles.Hash(1), [1]);
        await using Served served = await Served.Start(Feed());
        var paths = (await served.Json("/api/openapi.json")).GetProperty("paths").EnumerateObject().Where(p => p.Value.TryGetProperty("get", out _)).Select(p => p.Name)
            .Where(p => p is not ("/api/events" or "/api/cluster")).Select(p => p.Replace("{run}", "run", StringComparison.Ordinal).Replace("{round}", "1", StringComparison.Ordinal)
                .Replace("{client}", "0", StringComparison.Ordinal).Replace("{measure}", "loss", StringComparison.Ordinal).Replace("{chart}", p.Contains("compare", StringComparison.Ordinal) ? "train_loss" : "loss", StringComparison.Ordinal))
            .Select(p => p.Contains("compare", StringComparison.Ordinal) ? p + "?run=run" : p);
        foreach (string path in paths.Concat(["/", "/runs/run", "/runs/run/rounds", "/runs/run/rounds/1", "/runs/run/clients", "/runs/run/clients/0", "/compare?run=run"]))
        {
            Assert.DoesNotContain(Secret, await served.Text(path), StringComparison.Ordinal);
        }

        foreach (string path in (string[])["/runs/run/data/client_0.jsonl", "/api/runs/run/data%2fclient_0.jsonl", "/runs/run/..%2frun%2fdata%2fclient_0.jsonl", "/data/client_0.jsonl"])
        {
            await served.Text(path, HttpStatusCode.NotFound);
        }
    }

    [Fact]
    public async Task Pinned_DataWithoutOptIn_ShowsNeitherLabelsNorSamples()
    {
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3)).Describe(("first", [("rare disease", 3)])).Adapter(RunFiles.Hash(1), [1]);
        var host = new FakeHost { Sampler = new EchoSampler(), Permissions = new(Samples: false, Labels: false) };
        await using Served served = await Served.Start(host.Feed(_run.Root));
        foreach (string path in (string[])["/runs/run/clients", "/runs/run/clients/0", "/api/runs/run/clients", "/api/runs/run/clients/0"])
        {
            Assert.DoesNotContain("rare disease", await served.Text(path), StringComparison.Ordinal);
        }

        Assert.Contains("pinned to its owners, so its labels are not shown", await served.Text("/runs/run/clients"), StringComparison.Ordinal);
        Assert.DoesNotContain("/samples", await served.Text("/runs/run"), StringComparison.Ordinal);
        await served.Text("/runs/run/samples", HttpStatusCode.NotFound);
        using HttpResponseMessage asked = await served.Client.PostAsync("/runs/run/samples", new FormUrlEncodedContent([new("prompt", "x"), new("tokens", "4")]));
        Assert.DoesNotContain("x by", await asked.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pinned_DataOptedIn_ShowsLabelsAndSamples()
    {
        var settings = new Dictionary<string, string> { ["data.placement"] = "pinned", ["data.show_labels"] = "true", ["data.show_samples"] = "true" };
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3)).Describe(("first", [("rare disease", 3)])).Adapter(RunFiles.Hash(1), [1]);
        await using Served served = await Served.Start(new FakeHost { Sampler = new EchoSampler(), Permissions = FedLLM.Dashboard.Feed.RunPermissions.Of(settings) }.Feed(_run.Root));
        Assert.Contains("rare disease", await served.Text("/api/runs/run/clients/0"), StringComparison.Ordinal);
        Assert.Contains("/samples", await served.Text("/runs/run"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_WithoutScript_AreWhole()
    {
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3), RunFiles.Line(2, 2)).Describe(("first", [("a", 3)]), ("second", []));
        await using Served served = await Served.Start(Feed());
        string run = await served.Text("/runs/run");
        Assert.Matches("id=\"chart-loss\"(.|\n)*<path class=\"line [^\"]*\" d=\"M[^\"]+L", run);
        Assert.Contains("2.0000", run, StringComparison.Ordinal);
        foreach ((string path, string text) in ((string, string)[])[("/", ">run</a>"), ("/runs/run/rounds", "2 of 2"), ("/runs/run/rounds/2", RunFiles.Hash(2)), ("/runs/run/clients/0", "chart-client_loss"), ("/compare?run=run", "chart-train_loss")])
        {
            Assert.Contains(text, await served.Text(path), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("5080")]
    [InlineData("https://localhost:5080")]
    [InlineData("http://localhost:5080/path")]
    [InlineData("localhost:5080")]
    public void Url_NotToListenOn_HasAProblem(string url) => Assert.NotNull(DashboardServer.ProblemOf(url));

    [Fact]
    public void Url_ToListenOn_HasNone() => Assert.Null(DashboardServer.ProblemOf(DashboardServer.UsualUrl));

    private FedLLM.Dashboard.RunDirectories.RunDirectoryFeed Feed() => new FakeHost().Feed(_run.Folder);

    private static Task<HttpResponseMessage> Enter(Served served, string token) =>
        served.Client.PostAsync("/enter", new FormUrlEncodedContent([new("token", token)]));
}
