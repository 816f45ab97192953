using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Pretraining;

/// <summary>Initial parameters of a new model: matrices normal with standard deviation 0.02 (Hugging Face's <c>initializer_range</c>), norms one, biases zero.</summary>
public static class InitialWeights
{
    private const double StandardDeviation = 0.02;

    /// <summary>Draws the parameters of <paramref name="config"/>; a pure function of the seed.</summary>
    public static DecoderWeights Draw(ModelConfig config, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(config);
        int tensor = 0;
        WeightMatrix Matrix(int count) => new(Normal(new CounterRandom(seed, RandomPurpose.ModelInitialization, step: tensor++), count));
        float[] Ones() => [.. Enumerable.Repeat(1f, config.HiddenSize)];
        WeightMatrix embedding = Matrix(config.VocabularySize * config.HiddenSize);
        return new DecoderWeights
        {
            Config = config,
            Embedding = embedding,
            Head = config.TiedEmbeddings ? embedding : Matrix(embedding.Length),
            FinalNorm = Ones(),
            Layers =
            [
                .. Enumerable.Range(0, config.Layers).Select(_ => new LayerWeights
                {
                    InputNorm = Ones(),
                    PostAttentionNorm = Ones(),
                    Linears =
                    [
                        .. TensorNames.Kinds.Select(kind =>
                        {
                            var (outSize, inSize) = TensorNames.Size(config, kind);
                            return new LinearWeights(outSize, inSize, Matrix(outSize * inSize), TensorNames.HasBias(config, kind) ? new float[outSize] : null);
                        }),
                    ],
                }),
            ],
        };
    }

    // Box and Muller (1958), two uniforms to one normal.
    private static float[] Normal(CounterRandom random, int count)
    {
        var values = new float[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * ScalarMath.Log(1 - random.UniformDouble(2 * (ulong)i)));
            values[i] = (float)(StandardDeviation * radius * ScalarMath.Cos(2 * Math.PI * random.UniformDouble((2 * (ulong)i) + 1)));
        }

        return values;
    }
}
