using System.Net;
using System.Text;
using System.Text.Json;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed class RunActionTests : IAsyncLifetime
{
    private readonly RunFiles _run = new();
    private readonly FakeHost _host = new() { Working = true, Control = new FakeControl() };
    private Served _served = null!;

    public async Task InitializeAsync() => _served = await Served.Start(_host.Feed(_run.Folder));

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _run.Dispose();
    }

    [Fact]
    public async Task Start_HostThatTrains_TakesTheExperimentAsItWasSent()
    {
        var starter = new FakeStarter();
        _host.Starter = starter;
        (HttpStatusCode status, string text) = await Post("name: é\n");
        Assert.Equal(HttpStatusCode.Accepted, status);
        Assert.Equal("begun", JsonDocument.Parse(text).RootElement.GetProperty("id").GetString());
        Assert.Equal("name: é\n", starter.Sent);
    }

    [Theory]
    [InlineData(true, HttpStatusCode.BadRequest)]
    [InlineData(false, HttpStatusCode.Conflict)]
    public async Task Start_Refused_SaysWhy(bool experiment, HttpStatusCode expected)
    {
        _host.Starter = new FakeStarter { Refusal = new RunRefusedException("line 3 is wrong") { IsExperiment = experiment } };
        (HttpStatusCode status, string text) = await Post("name: x");
        Assert.Equal((expected, "line 3 is wrong\n"), (status, text));
    }

    [Fact]
    public async Task Start_NotText_IsABadRequest()
    {
        _host.Starter = new FakeStarter();
        using var body = new ByteArrayContent([(byte)'a', 0x80]);
        body.Headers.ContentType = new("application/yaml");
        using HttpResponseMessage answer = await _served.Client.PostAsync("/api/runs", body);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Start_HostThatOnlyShows_IsNotFound() => Assert.Equal(HttpStatusCode.NotFound, (await Post("name: x")).Status);

    [Fact]
    public async Task Control_Refused_SaysWhyInApiAndPage()
    {
        _host.Control!.Refusal = "it is finished";
        Assert.Equal(HttpStatusCode.Conflict, await _served.Send(HttpMethod.Post, "/api/runs/run/pause"));
        using HttpResponseMessage page = await _served.Client.PostAsync("/runs/run/cancel", null);
        Assert.Equal(HttpStatusCode.Conflict, page.StatusCode);
        Assert.Contains("it is finished", await page.Content.ReadAsStringAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(RunState.Failed, "the disk is full")]
    [InlineData(RunState.Cancelled, null)]
    public async Task State_ThatTheHostKnows_IsShownWithItsReason(RunState state, string? reason)
    {
        _host.State = new HostedState(state, reason);
        JsonElement run = await _served.Json("/api/runs/run");
        Assert.Equal((state.ToString().ToLowerInvariant(), reason), (run.GetProperty("state").GetString(), run.GetProperty("reason").GetString()));
        Assert.Contains(reason ?? "cancelled", await _served.Text("/runs/run"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task RoundLines_FromARound_AreTheFilesOwnBytes()
    {
        await _served.Text("/api/runs/run/rounds.jsonl", HttpStatusCode.NotFound);
        string[] lines = [RunFiles.Beginning(4), RunFiles.Line(1, 3, extra: ",\"unknown\":{\"round\":7}"), RunFiles.Line(2, 2)];
        _run.Append(lines).Append("{\"round\":3,");
        Assert.Equal(string.Concat(lines), await _served.Text("/api/runs/run/rounds.jsonl"));
        Assert.Equal(lines[1] + lines[2], await _served.Text("/api/runs/run/rounds.jsonl?from=1"));
        Assert.Equal(lines[2], await _served.Text("/api/runs/run/rounds.jsonl?from=2"));
        Assert.Equal(string.Empty, await _served.Text("/api/runs/run/rounds.jsonl?from=3"));
    }

    private async Task<(HttpStatusCode Status, string Text)> Post(string experiment)
    {
        using var body = new StringContent(experiment, Encoding.UTF8, "application/yaml");
        using HttpResponseMessage answer = await _served.Client.PostAsync("/api/runs", body);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    private sealed class FakeStarter : IRunStarter
    {
        public string? Sent { get; private set; }

        public RunRefusedException? Refusal { get; init; }

        public Task<string> StartAsync(string experiment, CancellationToken cancellationToken)
        {
            Sent = experiment;
            return Refusal is null ? Task.FromResult("begun") : throw Refusal;
        }
    }
}
