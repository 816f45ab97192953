using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Samples;
using FedLLM.Data.Templates;
using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tokenization;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Training;

/// <summary>The work that training is measured on. Real samples are drawn from all of a dataset by seed, so that their lengths are the dataset's.</summary>
internal static class TrainingCases
{
    private const string DenseModel = "hidden 288, 6 layers, MLP 768, vocabulary 32,000";

    // OpenFedLLM's sequence length; TRL's longest prompt beside it.
    private const int MaxLength = 512;
    private const int MaxPromptLength = 128;

    /// <summary>All cases: their names and what they are.</summary>
    public static IReadOnlyList<(string Name, string Work)> All { get; } =
    [
        ("dense", $"4 x 256 random tokens, all scored; {DenseModel}"),
        ("dolly", $"Dolly, response-only, batch 16, up to {MaxLength} tokens; {DenseModel}"),
        ("hh-dpo", $"DPO on hh-rlhf, batch 8, the reference's pass included, up to {MaxLength} tokens; {DenseModel}"),
        ("stories-dolly", $"Dolly, response-only, batch 16, up to {MaxLength} tokens; stories260K"),
        ("lanes", $"Dolly, 8 clients of batch 2; {DenseModel}"),
        ("lanes-stories", "Dolly, 8 clients of batch 2; stories260K"),
        ("tinyllama", "1 x 128 random tokens, all scored; 1.1 B parameters of TinyLlama's shape, a bfloat16 file"),
    ];

    /// <summary>Makes a case, or returns null where it needs data that <paramref name="shared"/> does not hold.</summary>
    /// <param name="name">A name of <see cref="All"/>.</param>
    /// <param name="shared">The folder of real models, tokenizers and data.</param>
    /// <exception cref="ArgumentException">There is no such case.</exception>
    public static TrainingCase? Make(string name, string shared) => name switch
    {
        "dense" => new TrainingCase(name, WriteDense) { Sequences = [RandomBatches(batches: 3, count: 4, length: 256)] },
        "tinyllama" => new TrainingCase(name, folder => ModelDirectory.Save(folder, RandomWeights.Draw(TinyLlama(), 1), TensorType.BF16))
        {
            Sequences = [RandomBatches(batches: 2, count: 1, length: 128)],
            Storage = WeightStorage.BFloat16,
        },
        _ when !Directory.Exists(shared) => null,
        "dolly" => new TrainingCase(name, WriteDense)
        {
            Sequences = Clients(Dolly(Mistral(shared), shared), clients: 1, steps: 3, batch: 16),
        },
        "hh-dpo" => new TrainingCase(name, WriteDense)
        {
            Pairs = Clients(Preferences(Mistral(shared), shared), clients: 1, steps: 2, batch: 8),
        },
        "stories-dolly" => new TrainingCase(name, folder => CopyStories(shared, folder))
        {
            Sequences = Clients(Dolly(Stories(shared), shared), clients: 1, steps: 10, batch: 16),
        },
        "lanes" => new TrainingCase(name, WriteDense)
        {
            Sequences = Clients(Dolly(Mistral(shared), shared), clients: 8, steps: 4, batch: 2),
            Lanes = [8, 1],
        },
        "lanes-stories" => new TrainingCase(name, folder => CopyStories(shared, folder))
        {
            Sequences = Clients(Dolly(Stories(shared), shared), clients: 8, steps: 10, batch: 2),
            Lanes = [8, 1],
        },
        _ => throw new ArgumentException($"There is no case {name}; there are {string.Join(", ", All.Select(c => c.Name))}.", nameof(name)),
    };

    private static ModelConfig Dense() => new()
    {
        Family = ModelFamily.Llama,
        HiddenSize = 288,
        IntermediateSize = 768,
        Layers = 6,
        Heads = 6,
        KeyValueHeads = 6,
        HeadSize = 48,
        VocabularySize = 32_000,
        MaxPositions = MaxLength,
        NormEpsilon = 1e-5f,
        RopeTheta = 10_000,
        TiedEmbeddings = true,
    };

    private static ModelConfig TinyLlama() => Dense() with
    {
        HiddenSize = 2048,
        IntermediateSize = 5632,
        Layers = 22,
        Heads = 32,
        KeyValueHeads = 4,
        HeadSize = 64,
        MaxPositions = 2048,
        TiedEmbeddings = false,
    };

    private static void WriteDense(string folder) => ModelDirectory.Save(folder, RandomWeights.Draw(Dense(), 1));

    private static void CopyStories(string shared, string folder)
    {
        foreach (string file in (string[])["config.json", "model.safetensors"])
        {
            File.Copy(Path.Combine(shared, "models", "stories260K", file), Path.Combine(folder, file), overwrite: true);
        }
    }

    private static ITokenizer Mistral(string shared) => TokenizerDirectory.Load(Path.Combine(shared, "tokenizers", "mistral-v1"));

    private static ITokenizer Stories(string shared) => TokenizerDirectory.Load(Path.Combine(shared, "models", "stories260K"));

    private static IReadOnlyList<TokenSequence> Dolly(ITokenizer tokenizer, string shared)
    {
        var encoder = new SampleEncoder(tokenizer, PromptTemplate.Alpaca, MaxLength);
        var reader = new ExampleReader();
        return SampleSet.Encode(DataFiles.FindShards(Path.Combine(shared, "data", "dolly-10-clients"), "local_training_*.json.gz").SelectMany(reader.Read), encoder).Samples;
    }

    private static IReadOnlyList<PreferencePair> Preferences(ITokenizer tokenizer, string shared)
    {
        var encoder = new PairEncoder(tokenizer, PromptTemplate.Vicuna, MaxLength, MaxPromptLength);
        var reader = new ExampleReader(RecordFormat.HhRlhf, kind: SampleKind.Pair);
        return SampleSet.Encode(DataFiles.Find(Path.Combine(shared, "data", "hh-rlhf")).SelectMany(reader.Read), encoder).Samples;
    }

    private static TSample[][][] Clients<TSample>(IReadOnlyList<TSample> samples, int clients, int steps, int batch)
    {
        TSample[] drawn = [.. samples];
        new CounterRandom(1, RandomPurpose.DataSampling).Shuffle(drawn.AsSpan());
        return [.. drawn.Chunk(batch).Chunk(steps).Take(clients)];
    }

    private static TokenSequence[][] RandomBatches(int batches, int count, int length)
    {
        var random = new CounterRandom(1, RandomPurpose.DataGeneration);
        ulong position = 0;
        bool[] scored = [.. Enumerable.Range(0, length).Select(i => i > 0)];
        TokenSequence Sequence() => new([.. Enumerable.Range(0, length).Select(_ => (int)random.Below(32_000, ref position))], scored);
        return [.. Enumerable.Range(0, batches).Select(_ => Enumerable.Range(0, count).Select(_ => Sequence()).ToArray())];
    }
}
