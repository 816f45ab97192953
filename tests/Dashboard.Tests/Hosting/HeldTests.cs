using System.Net;
using System.Text.Json;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

/// <summary>What clients' own held-out data says, on pages, in JSON and in CSV.</summary>
public sealed class HeldTests : IAsyncLifetime
{
    private readonly RunFiles _run = new();
    private Served _served = null!;

    public async Task InitializeAsync()
    {
        _run.Append(RunFiles.Beginning(4), RunFiles.Line(1, 3), RunFiles.Line(2, 2, 2.5, RunFiles.Held)).Describe(("first", []), ("second", []));
        _served = await Served.Start(new FakeHost().Feed(_run.Root));
    }

    public async Task DisposeAsync()
    {
        await _served.DisposeAsync();
        _run.Dispose();
    }

    [Fact]
    public async Task Client_MeasuredOnItsOwnData_HasBothAdaptersByRound()
    {
        JsonElement measured = (await _served.Json("/api/runs/run/clients/0")).GetProperty("measured").EnumerateArray().Single();
        Assert.Equal((2, 10, 2.5, 2.25), (measured.GetProperty("round").GetInt32(), measured.GetProperty("weight").GetInt64(),
            measured.GetProperty("global").GetProperty("loss").GetDouble(), measured.GetProperty("own").GetProperty("loss").GetDouble()));
        Assert.Equal("round,global,own\r\n2,2.5,2.25\r\n", await _served.Text("/api/runs/run/clients/0/held/loss.csv"));
        Assert.Equal("round,global,own\r\n2,3.5,\r\n", await _served.Text("/api/runs/run/clients/1/held/loss.csv"));
        string page = await _served.Text("/runs/run/clients/0");
        Assert.Contains("id=\"chart-held-loss\"", page, StringComparison.Ordinal);
        Assert.Contains("with its own adapter 2.2500", page, StringComparison.Ordinal);
        Assert.Contains("&#x2212;0.2500", page, StringComparison.Ordinal);
        Assert.Contains("it has no adapter of its own", await _served.Text("/runs/run/clients/1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_MeasuredOnClientsOwnData_HasMeansOfThoseMeasured()
    {
        // The mean over both clients; over the one that has an adapter of its own; and that one's own.
        Assert.Equal(
            "round,global,global_low,global_high,global_same,global_same_low,global_same_high,own,own_low,own_high\r\n2,3,2.5,3.5,2.5,2.5,2.5,2.25,2.25,2.25\r\n",
            await _served.Text("/api/runs/run/charts/held-loss.csv"));
        Assert.Equal("round,client,weight,global_loss,own_loss\r\n2,0,10,2.5,2.25\r\n2,1,30,3.5,\r\n", await _served.Text("/api/runs/run/held.csv"));
        Assert.Contains("id=\"chart-held-loss\"", await _served.Text("/runs/run"), StringComparison.Ordinal);
        Assert.Contains("Own data: loss", await _served.Text("/runs/run/clients"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Client_NeverMeasured_HasNoSuchPart()
    {
        using var other = new RunFiles("other");
        other.Append(RunFiles.Line(1, 3).Replace("\"evaluation\":null", "\"evaluation\":null,\"client_evaluation\":null", StringComparison.Ordinal));
        await using Served served = await Served.Start(new FakeHost().Feed(other.Root));
        Assert.DoesNotContain("held-out data", await served.Text("/runs/other/clients/0"), StringComparison.Ordinal);
        await served.Text("/api/runs/other/clients/0/held/loss", HttpStatusCode.NotFound);
        Assert.Equal("round,client,weight\r\n", await served.Text("/api/runs/other/held.csv"));
        Assert.Equal(1, (await served.Json("/api/runs/other")).GetProperty("round").GetInt32());
    }
}
