using FedLLM.Engine.Decoding;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Decoding;

public sealed class TextGenerationTests
{
    private static readonly ModelConfig Config = TinyModel.Config();
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);
    private static readonly Workers One = new(1);
    private static readonly int[] Prompt = [5, 9, 3];

    [Fact]
    public void Generate_Greedy_TakesTheLikeliestOfTheWholeForwardPass()
    {
        var model = new LanguageModel(Weights, null, One);
        IReadOnlyList<int> generated = TextGeneration.Generate(model, Prompt, new GenerationSettings(12), []);
        var tokens = new List<int>(Prompt);
        foreach (int token in generated)
        {
            float[] logits = model.Logits([new TokenSequence([.. tokens], new bool[tokens.Count])]);
            float[] last = logits[^Config.VocabularySize..];
            Assert.Equal(Array.IndexOf(last, last.Max()), token);
            tokens.Add(token);
        }

        Assert.Equal(12, generated.Count);
    }

    [Fact]
    public void Generate_Sampled_FollowsTheSoftmaxAndTheSeed()
    {
        var model = new LanguageModel(Weights, null, One);
        float[] logits = model.Logits([new TokenSequence(Prompt, new bool[3])])[^Config.VocabularySize..];
        double[] weights = [.. logits.Select(l => Math.Exp(l / 1.5))];
        const int Draws = 4000;
        int[] counts = new int[Config.VocabularySize];
        for (ulong seed = 0; seed < Draws; seed++)
        {
            counts[TextGeneration.Generate(model, Prompt, new GenerationSettings(1, 1.5, seed), [])[0]]++;
        }

        for (int token = 0; token < counts.Length; token++)
        {
            double p = weights[token] / weights.Sum();
            Assert.InRange(counts[token], (Draws * p) - (6 * Math.Sqrt(Draws * p)) - 3, (Draws * p) + (6 * Math.Sqrt(Draws * p)) + 3);
        }

        Assert.Equal(
            TextGeneration.Generate(model, Prompt, new GenerationSettings(20, 1.0, 7), []),
            TextGeneration.Generate(model, Prompt, new GenerationSettings(20, 1.0, 7), []));
    }

    [Fact]
    public void Generate_StopToken_EndsWithIt()
    {
        var model = new LanguageModel(Weights, null, One);
        IReadOnlyList<int> free = TextGeneration.Generate(model, Prompt, new GenerationSettings(12), []);
        int stop = free[4];
        IReadOnlyList<int> stopped = TextGeneration.Generate(model, Prompt, new GenerationSettings(12), [stop]);
        Assert.Equal(free.Take(free.ToList().IndexOf(stop) + 1), stopped);
    }

    [Fact]
    public void Generate_BeyondThePositions_StopsAtTheLimitOrRefuses()
    {
        var model = new LanguageModel(Weights, null, One);
        int[] prompt = [.. Enumerable.Repeat(4, Config.MaxPositions - 2)];
        Assert.Equal(2, TextGeneration.Generate(model, prompt, new GenerationSettings(10), []).Count);
        Assert.Throws<ArgumentException>(() => TextGeneration.Generate(model, [.. prompt, 1, 1], new GenerationSettings(1), []));
        Assert.Throws<ArgumentException>(() => TextGeneration.Generate(model, [], new GenerationSettings(1), []));
    }
}
