using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Benchmarks.Training;

/// <summary>Weights of a model that only its speed is of interest: matrices uniform with standard deviation 0.02, norms one; quick to draw for a billion of them.</summary>
internal static class RandomWeights
{
    private static readonly float Bound = 0.02f * MathF.Sqrt(3);

    /// <summary>Draws the weights of <paramref name="config"/>, a model without biases; a pure function of the seed.</summary>
    public static DecoderWeights Draw(ModelConfig config, ulong seed)
    {
        float[] Ones() => [.. Enumerable.Repeat(1f, config.HiddenSize)];
        WeightMatrix Matrix(int number, int outSize, int inSize) => new(Uniform(new CounterRandom(seed, RandomPurpose.ModelInitialization, step: number), outSize * inSize));
        WeightMatrix embedding = Matrix(0, config.VocabularySize, config.HiddenSize);
        int kinds = TensorNames.Kinds.Count;
        return new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Head = config.TiedEmbeddings ? embedding : Matrix(1, config.VocabularySize, config.HiddenSize),
            FinalNorm = Ones(),
            Layers =
            [
                .. Enumerable.Range(0, config.Layers).Select(layer => new LayerWeights
                {
                    InputNorm = Ones(),
                    PostAttentionNorm = Ones(),
                    Linears =
                    [
                        .. TensorNames.Kinds.Select(kind =>
                        {
                            (int outSize, int inSize) = TensorNames.Size(config, kind);
                            return new LinearWeights(outSize, inSize, Matrix(2 + (layer * kinds) + (int)kind, outSize, inSize));
                        }),
                    ],
                }),
            ],
        };
    }

    private static float[] Uniform(CounterRandom random, int count)
    {
        const int Block = 1 << 16;
        var values = new float[count];
        Parallel.For(0, (count + Block - 1) / Block, block =>
        {
            int end = Math.Min(count, (block + 1) * Block);
            for (int i = block * Block; i < end; i++)
            {
                values[i] = Bound * ((2 * random.Uniform((ulong)i)) - 1);
            }
        });
        return values;
    }
}
