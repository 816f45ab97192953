using System.Text.Json;
using FedLLM.Experiments.Configuration;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Preference pairs made of the demo's data: the right answer is chosen; another question's, its words backwards, is rejected. And an experiment on them.</summary>
internal sealed class DemoPairs : IDisposable
{
    public const int Records = 160;
    private readonly string _folder = Directory.CreateTempSubdirectory("fedllm-pairs-").FullName;

    public DemoPairs()
    {
        string data = Path.Combine(SharedData.RepositoryRoot(), "demo", "data");
        string[] files = [.. Directory.EnumerateFiles(data, "client_*.jsonl").Order(StringComparer.Ordinal)];
        JsonElement[] records = [.. Enumerable.Range(0, Records).Select(i => JsonDocument.Parse(File.ReadLines(files[i % files.Length]).ElementAt(i / files.Length)).RootElement)];
        File.WriteAllLines(Path.Combine(_folder, "pairs.jsonl"), records.Select((record, i) => JsonSerializer.Serialize(new
        {
            prompt = record.GetProperty("instruction").GetString(),
            chosen = record.GetProperty("response").GetString(),
            rejected = string.Join(' ', records[(i + 7) % Records].GetProperty("response").GetString()!.Split(' ').Reverse()),
        })));
        File.WriteAllText(Path.Combine(_folder, "pairs.yaml"), $$$"""
            name: demo-pairs
            seed: 5
            task: dpo
            model: {path: "{{{Path.Combine(SharedData.RepositoryRoot(), "demo", "model")}}}"}
            lora: {rank: 4, alpha: 8, dropout: 0.0}
            data: {path: pairs.jsonl, max_length: 256, evaluation: 0.2, partition: {clients: 4}}
            dpo: {max_prompt_length: 64}
            federation: {rounds: 2, clients_per_round: 3}
            training: {batch_size: 4, max_steps: 2, learning_rate: 1.0e-2, min_learning_rate: 1.0e-4}
            evaluation: {every: 1}
            """);
    }

    public string this[string name] => Path.Combine(_folder, name);

    public Experiment Experiment(params string[] overrides) => ExperimentFile.Read(Path.Combine(_folder, "pairs.yaml"), overrides);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
