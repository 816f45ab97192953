using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Files;

/// <summary>A random decoder and adapter of a few hundred parameters.</summary>
internal static class SmallModel
{
    public static readonly ModelConfig Llama = new()
    {
        Family = ModelFamily.Llama,
        HiddenSize = 8,
        IntermediateSize = 6,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        HeadSize = 4,
        VocabularySize = 10,
        MaxPositions = 32,
        NormEpsilon = 1e-5f,
        RopeTheta = 500000.5,
        TiedEmbeddings = true,
        BeginOfSequenceId = 1,
        EndOfSequenceIds = [2],
    };

    public static readonly ModelConfig Qwen2 = Llama with { Family = ModelFamily.Qwen2, QkvBias = true, TiedEmbeddings = false, BeginOfSequenceId = null, EndOfSequenceIds = [3, 4] };

    public static readonly ModelConfig LlamaWithBiases = Llama with { QkvBias = true, OutputBias = true, MlpBias = true, KeyValueHeads = 4, EndOfSequenceIds = [] };

    public static DecoderWeights Make(ModelConfig config, ulong seed = 5)
    {
        int draw = 0;
        float[] Values(int count)
        {
            var random = new CounterRandom(seed, RandomPurpose.ModelInitialization, round: draw++);
            return [.. Enumerable.Range(0, count).Select(i => random.Uniform((ulong)i) - 0.5f)];
        }

        LinearWeights Linear(LinearKind kind)
        {
            (int outSize, int inSize) = TensorNames.Size(config, kind);
            return new LinearWeights(outSize, inSize, new WeightMatrix(Values(outSize * inSize)), TensorNames.HasBias(config, kind) ? Values(outSize) : null);
        }

        var embedding = new WeightMatrix(Values(config.VocabularySize * config.HiddenSize));
        return new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Head = config.TiedEmbeddings ? embedding : new WeightMatrix(Values(embedding.Length)),
            FinalNorm = Values(config.HiddenSize),
            Layers = [.. Enumerable.Range(0, config.Layers).Select(_ => new LayerWeights
            {
                InputNorm = Values(config.HiddenSize),
                PostAttentionNorm = Values(config.HiddenSize),
                Linears = [.. TensorNames.Kinds.Select(Linear)],
            })],
        };
    }

    public static TensorSet Adapter(ModelConfig model, LoraConfig lora, ulong seed = 7)
    {
        var set = new TensorSet(LoraLayout.For(model, lora));
        var random = new CounterRandom(seed, RandomPurpose.LoraInitialization);
        for (int i = 0; i < set.Values.Length; i++)
        {
            set.Values[i] = random.Uniform((ulong)i) - 0.5f;
        }

        return set;
    }

    /// <summary>All parameters, name after name.</summary>
    public static Dictionary<string, float[]> Flatten(DecoderWeights weights) => DecoderTensors.Of(weights).ToDictionary(t => t.Name, t => t.Values.ToArray());
}
