using System.Globalization;
using System.Text.Json;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Commands;

/// <summary>Runs held against one another, every client by itself, and clients that did not count.</summary>
[Collection(SmallWorldTests.Name)]
public sealed class CompareCommandTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Compare_TwoRuns_GivesDifferencesAndCourses()
    {
        await Run("one");
        JsonElement other = await Run("two", "training.learning_rate=1e-3");
        string before = Contents();
        JsonElement[] runs = [.. (await Answer.Of("compare", _folder["one"], _folder["two"], "--json")).Json().GetProperty("runs").EnumerateArray()];
        Assert.Equal(before, Contents());
        Assert.Equal(2, runs.Length);
        Assert.Equal(0, Loss(runs[0].GetProperty("difference")));
        Assert.Equal(Loss(runs[1].GetProperty("final")) - Loss(runs[0].GetProperty("final")), Loss(runs[1].GetProperty("difference")));
        Assert.Equal(Loss(other.GetProperty("rounds")[2]), Loss(runs[1].GetProperty("final")));

        // The course adds up what the rounds say.
        JsonElement[] rounds = [.. other.GetProperty("rounds").EnumerateArray()];
        JsonElement[] course = [.. runs[1].GetProperty("course").EnumerateArray()];
        Assert.Equal([0, 1, 2], course.Select(p => p.GetProperty("round").GetInt32()));
        Assert.Equal(rounds.SelectMany(r => r.GetProperty("clients").EnumerateArray()).Sum(c => c.GetProperty("tokens").GetInt64()), course[2].GetProperty("tokens").GetInt64());
        Assert.Equal(
            rounds.Sum(r => r.GetProperty("bytes_down").GetInt64() + r.GetProperty("bytes_up").GetInt64()), course[2].GetProperty("bytes").GetInt64());
        Assert.Equal(JsonValueKind.Null, course[2].GetProperty("simulated_seconds").ValueKind);

        Answer plain = await Answer.Of("compare", _folder["one"], _folder["two"]);
        Assert.Equal(0, plain.Code);
        string loss = Loss(other.GetProperty("rounds")[2]).ToString("0.0000", CultureInfo.InvariantCulture);
        Assert.Contains(plain.Out.Split('\n'), l => l.Contains(_folder["two"], StringComparison.Ordinal) && l.Contains(loss, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Compare_NoRun_IsOneLine()
    {
        await Run("one");
        (await Answer.Of("compare", _folder["one"], _folder["none"])).IsOneLine(1, _folder["none"], "holds no run");
    }

    [Fact]
    public async Task Run_EveryClientByItself_IsShownContinuedAndCompared()
    {
        JsonElement family = await Run("local", "federation.algorithm=local");
        JsonElement[] clients = [.. family.GetProperty("clients").EnumerateArray()];
        Assert.Equal([0, 1, 2], clients.Select(c => c.GetProperty("id").GetInt32()));
        Assert.Equal(3, clients.Select(c => c.GetProperty("adapter").GetString()).Distinct().Count());
        Assert.Equal(clients.Average(c => Loss(c)), Loss(family.GetProperty("mean")), 1e-12);
        Assert.Equal(family.GetRawText(), (await Run("local", "federation.algorithm=local")).GetRawText());

        JsonElement status = (await Answer.Of("status", _folder["local"], "--json")).Json();
        Assert.All(status.GetProperty("clients").EnumerateArray(), c => Assert.Equal("finished", c.GetProperty("state").GetString()));
        Assert.Equal(3, (await Answer.Of("compare", _folder["local"], "--json")).Json().GetProperty("runs").GetArrayLength());

        // What is no family of runs is left alone.
        Answer refused = await Answer.Of("run", world.Experiment, "--out", _folder["local"]);
        refused.IsOneLine(1, _folder["local"], "belong to no run");
        await Run("one");
        (await Answer.Of("run", world.Experiment, "--out", _folder["one"], "--set", "federation.algorithm=local"))
            .IsOneLine(1, _folder["one"], "besides the clients' runs");
    }

    [Fact]
    public async Task Status_ClientsThatDropOut_AreNamedAndCounted()
    {
        JsonElement run = await Run("dropping", "federation.clients_per_round=3", "federation.quorum=0.3", "federation.rounds=4", "simulation.drop_out=0.4");
        int[] excluded = [.. run.GetProperty("rounds").EnumerateArray().SelectMany(r => r.GetProperty("excluded").EnumerateArray()).Select(e => e.GetProperty("client").GetInt32())];
        Assert.NotEmpty(excluded);
        JsonElement counted = (await Answer.Of("status", _folder["dropping"], "--json")).Json().GetProperty("excluded");
        Assert.Equal((excluded.Length, 12), (counted.GetProperty("count").GetInt32(), counted.GetProperty("sampled").GetInt32()));
        Assert.Equal(
            excluded.GroupBy(c => c).ToDictionary(g => g.Key, g => g.Count()),
            counted.GetProperty("clients").EnumerateArray().ToDictionary(c => c.GetProperty("id").GetInt32(), c => c.GetProperty("count").GetInt32()));
        Assert.Matches($@"(?m)^excluded +{excluded.Length} of 12 sampled: client \d \d times \(it dropped out\)", (await Answer.Of("status", _folder["dropping"])).Out);
    }

    private static double Loss(JsonElement of) => of.GetProperty("evaluation").GetProperty("loss").GetDouble();

    private string Contents() => string.Join("\n", Directory.EnumerateFiles(_folder["one"], "*", SearchOption.AllDirectories)
        .Concat(Directory.EnumerateFiles(_folder["two"], "*", SearchOption.AllDirectories)).Order().Select(f => $"{f} {File.GetLastWriteTimeUtc(f):O}"));

    private async Task<JsonElement> Run(string name, params string[] overrides) => (await Answer.Of(
        ["run", world.Experiment, "--out", _folder[name], "--json", .. overrides.SelectMany(o => (string[])["--set", o])])).Json();
}
