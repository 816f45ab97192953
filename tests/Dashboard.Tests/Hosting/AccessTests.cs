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
    [InlineData("Sec-Fetch-Site", "same-origin", HttpStatusCode.NoContent)]
    public async Task Change_FromAnotherSite_IsRefused(string header, string value, HttpStatusCode expected)
    {
        var host = new FakeHost { Working = true, Control = new FakeControl() };
        await using Served served = await Served.Start(host.Feed(_run.Root));
        Assert.Equal(expected, await served.Send(HttpMethod.Post, "/api/runs/run/cancel", (header, value)));
        Assert.Equal(expected == HttpStatusCode.NoContent, host.Control.Cancelled);
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
