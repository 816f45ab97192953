using System.Text.Json;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>A short federated run on the demo's model and data.</summary>
public sealed class ExperimentRunnerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Run_AnyThreadsAndLanes_GivesTheSameAdapterAndLearns()
    {
        var hashes = new HashSet<string>();
        foreach ((int threads, int lanes) in ((int, int)[])[(1, 1), (2, 2), (3, 2), (4, 1)])
        {
            RunResult result = await Run($"{threads}-{lanes}", $"training.threads={threads}", $"training.lanes={lanes}");
            hashes.Add(result.AdapterHash);
            Assert.Equal(result.AdapterHash, result.Rounds[^1].Adapter);
            double[] losses = [.. result.Rounds.Where(r => r.Evaluation is not null).Select(r => r.Evaluation!["loss"])];
            Assert.True(losses[^1] < 0.95 * losses[0], $"The held-out loss went from {losses[0]} to {losses[^1]}.");
        }

        Assert.Single(hashes);
    }

    [Fact]
    public async Task Run_OtherSeed_GivesAnotherAdapter() =>
        Assert.NotEqual((await Run("a", "federation.rounds=1")).AdapterHash, (await Run("b", "federation.rounds=1", "seed=2")).AdapterHash);

    [Fact]
    public async Task Run_Finished_ReturnsItsResultWithoutTraining()
    {
        RunResult first = await Run("same", "federation.rounds=2");
        RunResult second = await Run("same", "federation.rounds=2");
        Assert.Equal(first.AdapterHash, second.AdapterHash);
        Assert.Equal(first.Rounds.Count, second.Rounds.Count);
        Assert.Equal(first.Rounds[1].Clients[0].Seconds, second.Rounds[1].Clients[0].Seconds); // the record of the first time
    }

    [Fact]
    public async Task Run_Begun_DescribesEveryClientByItsCounts()
    {
        RunResult result = await Run("clients", "federation.rounds=1");
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(result.Directory, "clients.json")));
        string data = DemoAssets.Experiment().Data.Path!;
        JsonElement[] clients = [.. document.RootElement.EnumerateArray()];
        Assert.Equal(20, clients.Length);
        for (int i = 0; i < clients.Length; i++)
        {
            string[] records = File.ReadAllLines(Path.Combine(data, $"{clients[i].GetProperty("name").GetString()}.jsonl"));
            Assert.Equal(i, clients[i].GetProperty("id").GetInt32());
            Assert.Equal(records.Length, clients[i].GetProperty("records").GetInt32());
            Assert.Equal(
                records.GroupBy(r => JsonDocument.Parse(r).RootElement.GetProperty("category").GetString()!).Select(g => (g.Key, g.Count())).Order(),
                clients[i].GetProperty("labels").EnumerateObject().Select(l => (l.Name, l.Value.GetInt32())).Order());
        }
    }

    [Fact]
    public async Task LocalBaseline_Steps_EqualTheFederationsAndThreadsDoNotMatter()
    {
        string[] small = ["federation.rounds=2", "federation.clients_per_round=2", "training.max_steps=1"];
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment([.. small, "training.threads=1"]));
        PreparedExperiment wide = PreparedExperiment.Prepare(DemoAssets.Experiment([.. small, "training.threads=3"]));
        var alone = new LocalBaseline(prepared, TimeProvider.System);
        Assert.Equal(4, alone.Steps);
        var one = await alone.TrainAllAsync(null, default);
        var three = await new LocalBaseline(wide, TimeProvider.System).TrainAllAsync(null, default);
        Assert.Equal(20, one.Count);
        Assert.Equal(one.Select(a => a.Values), three.Select(a => a.Values));
    }

    private Task<RunResult> Run(string name, params string[] overrides)
    {
        string[] shorter = ["federation.rounds=3", "federation.clients_per_round=3", "lora.dropout=0.1", .. overrides];
        PreparedExperiment prepared = PreparedExperiment.Prepare(DemoAssets.Experiment(shorter));
        return new ExperimentRunner(prepared, TimeProvider.System).RunAsync(Path.Combine(_folder, name), [], default);
    }
}
