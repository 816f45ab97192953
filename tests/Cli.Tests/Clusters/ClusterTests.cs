using System.Security.Cryptography;
using System.Text.Json;
using FedLLM.Cli.Clusters;
using FedLLM.Cli.Tests.Support;

namespace FedLLM.Cli.Tests.Clusters;

/// <summary>The command line against a silo's HTTP API, whose runs train in this process.</summary>
[Collection(SmallWorldTests.Name)]
public sealed class ClusterTests(SmallWorld world) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private ClusterTwin Twin => new(Environment.CurrentDirectory, _folder["store"]);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Run_OnACluster_EndsInTheAdapterOfAnEmbeddedRun()
    {
        Answer embedded = await Answer.Of("run", world.Experiment, "--out", _folder["embedded"], "--json");
        await using ClusterTwin twin = await Twin.Listen();
        Answer answer = await Answer.Of("run", world.Experiment, "--cluster", twin.Address, "--out", _folder["fetched"], "--json");

        JsonElement result = answer.Json();
        string hash = embedded.Json().GetProperty("adapter").GetString()!;
        Assert.Equal(hash, result.GetProperty("adapter").GetString());
        Assert.Equal(hash, Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["fetched/adapter/adapter_model.safetensors"]))));
        Assert.Equal(Losses(embedded.Json()), Losses(result));
        Assert.Contains($"small: runs on {twin.Address}/runs/small", answer.Error, StringComparison.Ordinal);
        Assert.Contains("round 2/2", answer.Error, StringComparison.Ordinal);

        Answer again = await Answer.Of("run", world.Experiment, "--cluster", twin.Address);
        Assert.Equal(0, again.Code);
        Assert.Contains("finished before", again.Error, StringComparison.Ordinal);
        Assert.Contains(hash, again.Out, StringComparison.Ordinal);

        static double[] Losses(JsonElement run) => [.. run.GetProperty("rounds").EnumerateArray().Select(r => r.GetProperty("evaluation").GetProperty("loss").GetDouble())];
    }

    [Fact]
    public async Task Run_PathsBelowTheWorkingDirectory_AreTheClustersOwn()
    {
        string here = "world-" + Path.GetFileName(_folder.Root);
        try
        {
            // The experiment's paths are below this process's working directory; the cluster has the same files below a folder of its own.
            foreach (string file in Directory.EnumerateFiles(Path.GetDirectoryName(world.Experiment)!, "*", SearchOption.AllDirectories))
            {
                string name = Path.GetRelativePath(Path.GetDirectoryName(world.Experiment)!, file);
                foreach (string copy in (string[])[Path.Combine(here, name), _folder[Path.Combine("elsewhere", here, name)]])
                {
                    Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
                    File.Copy(file, copy);
                }
            }

            await using ClusterTwin twin = await new ClusterTwin(_folder["elsewhere"], _folder["store"]).Listen();
            Answer answer = await Answer.Of("run", Path.Combine(here, "small.yaml"), "--cluster", twin.Address, "--json");
            Assert.True(answer.Code == 0, answer.ToString());
            string sent = Assert.Single(twin.Sent);
            Assert.Contains($"path: \"{here}/model\"", sent, StringComparison.Ordinal);
            Assert.DoesNotContain(Environment.CurrentDirectory, sent, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(here, recursive: true);
        }
    }

    [Fact]
    public async Task Run_ExperimentTheClusterCannotUse_IsAUsageError()
    {
        await using ClusterTwin twin = await Twin.Listen();
        string data = _folder["moved"];
        Directory.CreateDirectory(data);
        Answer answer = await Answer.Of("run", world.Experiment, "--set", $"data.path={data}", "--cluster", twin.Address);
        answer.IsOneLine(2, "moved");
    }

    [Fact]
    public async Task PauseResumeCancelStatus_OfARun_ReachIt()
    {
        await using ClusterTwin twin = await new ClusterTwin(Environment.CurrentDirectory, _folder["store"]) { Hold = true }.Listen();
        Task<Answer> run = Answer.Of("run", world.Experiment, "--cluster", twin.Address);
        while (twin.Sent.Count == 0)
        {
            await Task.Yield();
        }

        Answer status = await Status();
        Assert.Equal("paused", status.Json().GetProperty("state").GetString());
        Assert.Equal(0, (await Answer.Of("resume", "small", "--cluster", twin.Address)).Code);
        Assert.Equal(0, (await Answer.Of("pause", "small", "--cluster", twin.Address)).Code);
        Assert.Equal(0, (await Answer.Of("resume", "small", "--cluster", twin.Address)).Code);
        Assert.Equal(0, (await run).Code);
        Assert.Equal("finished", (await Status()).Json().GetProperty("state").GetString());
        Assert.Equal(2, (await Status()).Json().GetProperty("round").GetInt32());

        Task<Answer> Status() => Answer.Of("status", "small", "--cluster", twin.Address, "--json");
    }

    [Fact]
    public async Task Resume_PausedRun_PrintsNoStateFromBefore()
    {
        await using ClusterTwin twin = await new ClusterTwin(Environment.CurrentDirectory, _folder["store"]) { Hold = true, Interval = TimeSpan.FromDays(1) }.Listen();
        using var client = new ClusterClient(twin.Address, null);
        await client.StartAsync(Absolute(), CancellationToken.None);
        Answer status = await Answer.Of("status", "small", "--cluster", twin.Address, "--json");
        Assert.Equal("paused", status.Json().GetProperty("state").GetString());
        Answer resumed = await Answer.Of("resume", "small", "--cluster", twin.Address);
        Assert.Equal(0, resumed.Code);
        Assert.Matches("^small: (running|finished), round [0-2] of 2", resumed.Out);
    }

    [Fact]
    public async Task Watch_CancelledRun_SaysSoAndFails()
    {
        await using ClusterTwin twin = await new ClusterTwin(Environment.CurrentDirectory, _folder["store"]) { Hold = true }.Listen();
        await twin.StartAsync(Absolute(), CancellationToken.None);
        Task<Answer> watch = Answer.Of("watch", "small", "--cluster", twin.Address);
        Assert.Equal(0, (await Answer.Of("cancel", "small", "--cluster", twin.Address)).Code);
        (await watch).IsOneLine(1, "small", "cancelled");
    }

    [Fact]
    public async Task Adapter_OfAFinishedRun_IsFetched()
    {
        await using ClusterTwin twin = await Twin.Listen();
        Answer run = await Answer.Of("run", world.Experiment, "--cluster", twin.Address, "--json");
        Answer answer = await Answer.Of("adapter", "small", "--cluster", twin.Address, "--out", _folder["result"]);
        Assert.Equal(0, answer.Code);
        Assert.Equal(
            run.Json().GetProperty("adapter").GetString(), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_folder["result/adapter/adapter_model.safetensors"]))));
        Assert.True(File.Exists(_folder["result/experiment.yaml"]));

        Answer evaluated = await Answer.Of(
            "evaluate", "--model", world.Model, "--adapter", _folder["result/adapter"], "--suite", "loss", "--data", world.HeldOut, "--json");
        Assert.True(evaluated.Code == 0, evaluated.ToString());
    }

    [Fact]
    public async Task Token_MissingOrWrong_IsAskedForByName()
    {
        await using ClusterTwin twin = await Twin.Listen("a secret");
        (await FedllmProcess.Run("status", "small", "--cluster", twin.Address)).IsOneLine(1, "FEDLLM_CLUSTER_TOKEN");
        (await FedllmProcess.RunWith("FEDLLM_CLUSTER_TOKEN", "a guess", "status", "small", "--cluster", twin.Address)).IsOneLine(1, "FEDLLM_CLUSTER_TOKEN");
        Answer answer = await FedllmProcess.RunWith("FEDLLM_CLUSTER_TOKEN", "a secret", "run", world.Experiment, "--cluster", twin.Address, "--json");
        Assert.Equal(2, answer.Json().GetProperty("rounds").EnumerateArray().Last().GetProperty("round").GetInt32());
        Assert.DoesNotContain("a secret", answer.Error + answer.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Address_SeveralWithOneSilent_TheOtherAnswers()
    {
        await using ClusterTwin twin = await Twin.Listen();
        Answer answer = await Answer.Of("run", world.Experiment, "--cluster", $"http://127.0.0.1:1,{twin.Address}");
        Assert.True(answer.Code == 0, answer.ToString());
    }

    [Theory]
    [InlineData("status", "small", "--cluster", "http://127.0.0.1:1")]
    [InlineData("pause", "small", "--cluster", "http://127.0.0.1:1")]
    public async Task Address_Silent_IsNamed(params string[] args) => (await Answer.Of(args)).IsOneLine(1, "http://127.0.0.1:1", "no answer");

    [Theory]
    [InlineData("status", "small", "--cluster", "127.0.0.1")]
    [InlineData("watch", "small", "--cluster", "ftp://x")]
    [InlineData("watch", "small")]
    public async Task Address_Malformed_IsAUsageError(params string[] args) => (await Answer.Of(args)).IsOneLine(2, "--cluster");

    [Fact]
    public async Task Run_UnknownOnTheCluster_IsNamed()
    {
        await using ClusterTwin twin = await Twin.Listen();
        foreach (string what in (string[])["status", "watch", "pause", "resume", "cancel"])
        {
            (await Answer.Of(what, "nobody", "--cluster", twin.Address)).IsOneLine(1, "no run 'nobody'");
        }
    }

    // The experiment with paths that do not depend on where it lies.
    private string Absolute() => File.ReadAllText(world.Experiment).Replace("{path: model}", $"{{path: {world.Model}}}", StringComparison.Ordinal)
        .Replace("{path: data,", $"{{path: {world.Data},", StringComparison.Ordinal).Replace("data: held_out.jsonl", $"data: {world.HeldOut}", StringComparison.Ordinal);
}
