using System.Net;
using System.Text.RegularExpressions;
using FedLLM.Dashboard.Tests.Support;

namespace FedLLM.Dashboard.Tests.Hosting;

public sealed partial class PagesTests : IDisposable
{
    private readonly RunFiles _one = new("one");
    private readonly RunFiles _two = new("two");

    public void Dispose()
    {
        _one.Dispose();
        _two.Dispose();
    }

    [Theory]
    [InlineData("", new[] { "one", "two" }, false)]
    [InlineData("?sort=name", new[] { "one", "two" }, true)]
    [InlineData("?sort=loss", new[] { "two", "one" }, true)]
    [InlineData("?sort=progress", new[] { "two", "one" }, true)]
    [InlineData("?sort=bytes", new[] { "two", "one" }, true)]
    [InlineData("?state=finished", new[] { "two" }, true)]
    [InlineData("?state=unfinished", new[] { "one" }, true)]
    [InlineData("?q=ONE", new[] { "one" }, true)]
    [InlineData("?q=fedavg", new[] { "one", "two" }, false)]
    [InlineData("?q=nothing", new string[0], true)]
    public async Task Runs_FilteredAndSorted_AreThose(string query, string[] expected, bool inOrder)
    {
        _one.Append(RunFiles.Line(1, 3, 3));
        _two.Append(RunFiles.Line(1, 2, 2), RunFiles.Line(2, 2), RunFiles.Line(3, 2), RunFiles.Line(4, 1, 1));
        await using Served served = await Served.Start(new FakeHost().Feed(_one.Root, _two.Root));
        string[] shown = [.. Row().Matches(await served.Text("/" + query)).Select(m => m.Groups[1].Value)];
        Assert.Equal(expected, inOrder ? shown : shown.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Round_WithExclusionAndHash_NamesReasonAndLineage()
    {
        _one.Append(RunFiles.Line(1, 3), RunFiles.Line(2, 2).Replace("\"excluded\":[]", "\"excluded\":[{\"client\":7,\"reason\":\"its update is not finite\"}]", StringComparison.Ordinal));
        await using Served served = await Served.Start(new FakeHost().Feed(_one.Root));
        string page = await served.Text("/runs/one/rounds/2");
        Assert.Contains("client 7</a> its update is not finite", page, StringComparison.Ordinal);
        Assert.Contains(RunFiles.Hash(2), page, StringComparison.Ordinal);
        Assert.Contains($"round 1</a> <code class=\"hash\">{RunFiles.Hash(1)}</code>", page, StringComparison.Ordinal);
        Assert.Contains("does not count: its update is not finite", await served.Text("/runs/one"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pause")]
    [InlineData("resume")]
    [InlineData("cancel")]
    public async Task Form_FromAnotherSite_ChangesNothing(string what)
    {
        var control = new FakeControl();
        await using Served served = await Served.Start(new FakeHost { Working = true, Control = control }.Feed(_one.Root));
        Assert.Equal(HttpStatusCode.Forbidden, await served.Send(HttpMethod.Post, "/runs/one/" + what, ("Sec-Fetch-Site", "cross-site")));
        Assert.False(control.Paused || control.Cancelled);
    }

    [GeneratedRegex("<tr id=\"run-([^\"]+)\"")]
    private static partial Regex Row();
}
