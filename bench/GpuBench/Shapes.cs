using System.Globalization;
using FedLLM.Engine.Models;

namespace FedLLM.Benchmarks.Gpu;

/// <summary>Shapes of models, by the names of those that have them.</summary>
internal static class Shapes
{
    private static readonly Dictionary<string, int[]> Named = new(StringComparer.Ordinal)
    {
        // D, F, layers, H, G, d, V
        ["tiny"] = [64, 176, 3, 4, 2, 16, 512],
        ["tinyllama-1.1b"] = [2048, 5632, 22, 32, 4, 64, 32_000],
        ["llama-2-7b"] = [4096, 11_008, 32, 32, 32, 128, 32_000],
        ["llama-3-8b"] = [4096, 14_336, 32, 32, 8, 128, 128_256],
    };

    /// <summary>Returns a shape by its name, or of seven numbers: hidden size, MLP width, layers, heads, key-value heads, head size, vocabulary.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    public static ModelConfig Of(string shape, int positions)
    {
        if (!Named.TryGetValue(shape, out int[]? numbers))
        {
            numbers = [.. shape.Split(',').Select(n => int.TryParse(n, NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)];
        }

        return numbers.Length == 7 && numbers.All(n => n > 0)
            ? new ModelConfig
            {
                Family = ModelFamily.Llama,
                HiddenSize = numbers[0],
                IntermediateSize = numbers[1],
                Layers = numbers[2],
                Heads = numbers[3],
                KeyValueHeads = numbers[4],
                HeadSize = numbers[5],
                VocabularySize = numbers[6],
                MaxPositions = positions,
                NormEpsilon = 1e-5f,
                RopeTheta = 10_000,
                TiedEmbeddings = false,
            }
            : throw new ArgumentException($"'{shape}' is none of {string.Join(", ", Named.Keys)}, nor seven numbers: D,F,layers,H,G,d,V.", nameof(shape));
    }
}
