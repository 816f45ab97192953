using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Small random models and sequences, by seed.</summary>
internal static class TinyModel
{
    public static ModelConfig Config(ModelFamily family = ModelFamily.Llama, bool tied = true, int heads = 4, int groups = 2, int headSize = 6) => new()
    {
        Family = family,
        HiddenSize = 20,
        IntermediateSize = 27,
        Layers = 2,
        Heads = heads,
        KeyValueHeads = groups,
        HeadSize = headSize,
        VocabularySize = 37,
        MaxPositions = 128,
        NormEpsilon = 1e-5f,
        RopeTheta = 10000,
        TiedEmbeddings = tied,
        QkvBias = family == ModelFamily.Qwen2,
        EndOfSequenceIds = [2],
    };

    public static DecoderWeights Random(ModelConfig config, ulong seed = 1)
    {
        int tensor = 0;
        float[] Draw(int count, float scale, float center = 0)
        {
            var random = new CounterRandom(seed, RandomPurpose.ModelInitialization, step: tensor++);
            return [.. Enumerable.Range(0, count).Select(i => center + (scale * ((2 * random.Uniform((ulong)i)) - 1)))];
        }

        var embedding = new WeightMatrix(Draw(config.VocabularySize * config.HiddenSize, 0.5f));
        return new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Head = config.TiedEmbeddings ? embedding : new WeightMatrix(Draw(embedding.Length, 0.5f)),
            FinalNorm = Draw(config.HiddenSize, 0.3f, 1),
            Layers =
            [
                .. Enumerable.Range(0, config.Layers).Select(_ => new LayerWeights
                {
                    InputNorm = Draw(config.HiddenSize, 0.3f, 1),
                    PostAttentionNorm = Draw(config.HiddenSize, 0.3f, 1),
                    Linears =
                    [
                        .. TensorNames.Kinds.Select(kind =>
                        {
                            (int outSize, int inSize) = TensorNames.Size(config, kind);
                            return new LinearWeights(
                                outSize, inSize, new WeightMatrix(Draw(outSize * inSize, 0.4f)), TensorNames.HasBias(config, kind) ? Draw(outSize, 0.4f) : null);
                        }),
                    ],
                }),
            ],
        };
    }

    /// <summary>The weights with other matrices in the decoder's layers.</summary>
    public static DecoderWeights WithMatrices(DecoderWeights weights, Func<LinearWeights, WeightMatrix> matrixOf) => new()
    {
        Config = weights.Config,
        Embedding = weights.Embedding,
        Head = weights.Head,
        FinalNorm = weights.FinalNorm,
        Layers =
        [
            .. weights.Layers.Select(layer => new LayerWeights
            {
                InputNorm = layer.InputNorm,
                PostAttentionNorm = layer.PostAttentionNorm,
                Linears = [.. layer.Linears.Select(l => l with { Weight = matrixOf(l) })],
            }),
        ],
    };

    public static TokenSequence Sequence(ModelConfig config, int length, ulong seed, double scored = 0.6)
    {
        var random = new CounterRandom(seed, RandomPurpose.DataGeneration);
        ulong position = 0;
        int[] tokens = [.. Enumerable.Range(0, length).Select(_ => (int)random.Below((uint)config.VocabularySize, ref position))];
        bool[] flags = [.. Enumerable.Range(0, length).Select(i => i > 0 && (i == length - 1 || random.Uniform(1000 + (ulong)i) < scored))];
        return new TokenSequence(tokens, flags);
    }

    public static LoraAdapter Adapter(ModelConfig config, LoraConfig lora, ulong seed = 5)
    {
        LoraAdapter adapter = LoraAdapter.Initialize(config, lora, seed);
        var random = new CounterRandom(seed, RandomPurpose.LoraInitialization, round: 1);
        for (int i = 0; i < adapter.Parameters.Values.Length; i++)
        {
            adapter.Parameters.Values[i] += 0.1f * (random.Uniform((ulong)i) - 0.5f);
        }

        return adapter;
    }

    public static LoraConfig AllLinears(int rank = 3, double dropout = 0) => new(rank, 6, dropout, TensorNames.Kinds.ToHashSet());
}
