using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FedLLM.Cli.Tests.Support;

/// <summary>
/// A base model of a few thousand parameters, made by <c>fedllm pretrain</c>, three clients' shards and held-out data: what a run needs, on any machine.
/// </summary>
public sealed class SmallWorld : IAsyncLifetime
{
    private static readonly string[] Animals = ["cat", "dog", "owl", "fox", "hen", "cow"];
    private static readonly string[] Foods = ["fish", "bread", "corn", "milk"];
    private readonly TemporaryFolder _folder = new();

    public string Model => _folder["model"];

    public string Data => _folder["data"];

    public string HeldOut => _folder["held_out.jsonl"];

    public string Experiment => _folder["small.yaml"];

    public string PretrainConfig => _folder["pretrain.yaml"];

    public async Task InitializeAsync()
    {
        WriteData();
        _folder.Write(
            "pretrain.yaml",
            """
            name: small
            corpus: corpus.txt
            tokenizer: {vocab_size: 400}
            model: {hidden_size: 16, intermediate_size: 32, layers: 2, heads: 2, key_value_heads: 1, max_positions: 256}
            training: {batch_size: 4, sequence_length: 32, steps: 20, learning_rate: 1.0e-2, warmup_steps: 2}
            """);
        _folder.Write(
            "small.yaml",
            """
            name: small
            seed: 7
            model: {path: model}
            data: {path: data, max_length: 256, partition: {scheme: files}}
            federation: {rounds: 2, clients_per_round: 2}
            training: {batch_size: 4, max_steps: 3, learning_rate: 1.0e-2}
            evaluation: {every: 1, data: held_out.jsonl}
            """);
        Answer answer = await Answer.Of("pretrain", PretrainConfig, "--out", Model, "--json");
        Assert.True(answer.Code == 0, answer.Error);
    }

    public Task DisposeAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    private void WriteData()
    {
        var corpus = new StringBuilder();
        foreach (string animal in Animals)
        {
            foreach (string food in Foods)
            {
                corpus.Append(CultureInfo.InvariantCulture, $"Below is an instruction that describes a task. The {animal} likes {food}.\n<|endoftext|>\n");
                corpus.Append(CultureInfo.InvariantCulture, $"Write a response that appropriately completes the request. The {food} is for the {animal}.\n<|endoftext|>\n");
            }
        }

        _folder.Write("corpus.txt", corpus.ToString());
        for (int client = 0; client < 3; client++)
        {
            string food = Foods[client];
            _folder.Write(Path.Combine("data", $"client_{client}.jsonl"), Records(Animals, food));
        }

        _folder.Write("held_out.jsonl", Records(Animals[..4], Foods[3]));
    }

    private static string Records(IEnumerable<string> animals, string food) => string.Concat(animals.Select(animal => JsonSerializer.Serialize(new
    {
        instruction = $"What does the {animal} like?",
        response = $"The {animal} likes {food}.",
        category = food,
    }) + "\n"));
}

/// <summary>Tests that share one small world, one after another.</summary>
[CollectionDefinition(Name)]
public sealed class SmallWorldTests : ICollectionFixture<SmallWorld>
{
    public const string Name = "small world";
}
