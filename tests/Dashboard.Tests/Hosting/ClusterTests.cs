using System.Net;
using System.Text.Json;
using FedLLM.Dashboard.Feed;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed class ClusterTests : IAsyncLifetime
{
    private readonly RunFiles _run = new();
    private ClusterTwin _feed = null!;
    private Served _served = null!;

    public async Task InitializeAsync()
    {
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3)).Describe(("first", []), ("second", []));
        _feed = new ClusterTwin(new FakeHost().Feed(_run.Root));
        _feed.Set(ClusterTwin.Silos(waiting: 6));
        _served = await Served.Start(_feed);
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _run.Dispose();
    }

    [Fact]
    public async Task Cluster_OfTheFeed_HasItsPageInTheMenu()
    {
        string page = await _served.Text("/cluster");
        Assert.Contains("href=\"/cluster\" aria-current=\"page\"", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/grains/\"", page, StringComparison.Ordinal);
        Assert.Contains("2 <small>of 3 active", page, StringComparison.Ordinal);
        Assert.Contains("<td><span class=\"badge dead\">dead</span></td>", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/runs/run/clients/0\">run round 3, first</a>", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"number\">1 of 8</td>", page, StringComparison.Ordinal);
        Assert.Contains("and 2 more", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"number\">7</td><td class=\"number\">5</td>", page.Replace("\n", string.Empty, StringComparison.Ordinal).Replace(" ", string.Empty, StringComparison.Ordinal).Replace("tdclass", "td class", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_ClientsPages_NameTheSiloAndLeadThere()
    {
        Assert.Contains("alpha, cpu", await _served.Text("/runs/run/clients"), StringComparison.Ordinal);
        Assert.Contains("href=\"/cluster#silo-alpha\"", await _served.Text("/runs/run/clients/1"), StringComparison.Ordinal);
        Assert.Contains("id=\"silo-alpha\"", await _served.Text("/cluster"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_Json_HasSilosDevicesQueuesAndActivations()
    {
        JsonElement silo = (await _served.Json("/api/cluster")).GetProperty("silos")[0];
        Assert.Equal(("alpha", "active", 7), (silo.GetProperty("name").GetString(), silo.GetProperty("state").GetString(), silo.GetProperty("activations").GetProperty("client").GetInt32()));
        JsonElement device = silo.GetProperty("devices")[0];
        Assert.Equal([1, 2, 3, 4, 5, 6], device.GetProperty("waiting").EnumerateArray().Select(w => w.GetProperty("client").GetInt32()));
        Assert.Equal((8, 6), (device.GetProperty("lanes").GetInt32(), device.GetProperty("waiting_count").GetInt32()));
        Assert.Equal(0, device.GetProperty("training")[0].GetProperty("client").GetInt32());
    }

    [Fact]
    public async Task Cluster_Changed_IsToldToTheListener()
    {
        using HttpResponseMessage answer = await _served.Client.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("event: hello", await lines.ReadLineAsync());
        _feed.Set(ClusterTwin.Silos(waiting: 0));
        string? line;
        do
        {
            line = await lines.ReadLineAsync();
        }
        while (line != "event: change");
        Assert.DoesNotContain("and 2 more", await _served.Text("/cluster"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_IdleWithASiloThatJoins_IsToldAsTheClustersChangeAlone()
    {
        var host = new FakeHost { Cluster = ClusterTwin.Silos(waiting: 0) };
        await using Served served = await Served.Start(host.Feed(_run.Root));
        using HttpResponseMessage answer = await served.Client.GetAsync("/api/events", HttpCompletionOption.ResponseHeadersRead);
        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync());
        Assert.Equal("event: hello", await lines.ReadLineAsync());
        host.Cluster = host.Cluster with { Silos = [.. host.Cluster.Silos, new SiloRow { Name = "delta", Address = "10.0.0.4:11111", State = SiloState.Active }] };
        while (await lines.ReadLineAsync() != "event: change")
        {
        }

        JsonElement told = JsonDocument.Parse((await lines.ReadLineAsync())!["data: ".Length..]).RootElement;
        Assert.Equal((true, 0), (told.GetProperty("cluster").GetBoolean(), told.GetProperty("runs").GetArrayLength()));
        Assert.Contains("3 <small>of 4 active", await served.Text("/cluster"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Cluster_FeedWithoutOne_HasNeitherPageNorEntry()
    {
        _feed.Set(null);
        await _served.Text("/cluster", HttpStatusCode.NotFound);
        await _served.Text("/api/cluster", HttpStatusCode.NotFound);
        Assert.DoesNotContain("/cluster", await _served.Text("/"), StringComparison.Ordinal);
    }
}
