using FedLLM.Engine.Decoding;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Decoding;

public sealed class BatchGenerationTests
{
    private static readonly ModelConfig Config = TinyModel.Config(groups: 1) with { RopeScaling = new RopeScaling(RopeScalingKind.Linear, 2) };
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);
    private static readonly LoraAdapter Adapter = TinyModel.Adapter(Config, TinyModel.AllLinears());

    [Fact]
    public void Generate_RandomBatches_GiveEachPromptWhatItGetsAlone()
    {
        var random = new CounterRandom(21, RandomPurpose.DataGeneration);
        ulong position = 0;
        int Draw(int below) => (int)random.Below((uint)below, ref position);
        for (int trial = 0; trial < 12; trial++)
        {
            using var workers = new Workers(1 + Draw(4));
            var model = new LanguageModel(Weights, trial % 2 == 0 ? Adapter : null, workers);
            int[][] prompts = [.. Enumerable.Range(0, 1 + Draw(9)).Select(i => TinyModel.Sequence(Config, 1 + Draw(trial % 3 == 0 ? 100 : 12), position++).Tokens)];
            var settings = new GenerationSettings(1 + Draw(30), trial % 4 == 1 ? 0 : 0.7 + random.Uniform(position++), Seed: (ulong)trial)
            {
                TopK = Draw(9),
                TopP = 0.5 + (0.5 * random.Uniform(position++)),
                BatchSize = 1 + Draw(5),
            };
            int[] stops = [Draw(Config.VocabularySize), 2];
            IReadOnlyList<IReadOnlyList<int>> together = TextGeneration.Generate(model, prompts, settings, stops);
            for (int i = 0; i < prompts.Length; i++)
            {
                Assert.Equal(TextGeneration.Generate(model, prompts[i], settings with { FirstPrompt = i, BatchSize = 16 }, stops), together[i]);
                Assert.InRange(together[i].Count, 1, Math.Min(settings.MaxNewTokens, Config.MaxPositions - prompts[i].Length));
                Assert.DoesNotContain(together[i].SkipLast(1), stops.Contains);
            }
        }
    }

    [Fact]
    public void Continue_SeveralSequences_GivesTheBitsOfEachAlone()
    {
        using var workers = new Workers(2);
        var model = new LanguageModel(Weights, Adapter, workers);
        int[][] sequences = [.. new[] { 70, 3, 41 }.Select((length, i) => TinyModel.Sequence(Config, length, (ulong)i + 1).Tokens)];
        float[][] whole = [.. sequences.Select(tokens => model.Logits([new TokenSequence(tokens, new bool[tokens.Length])]))];
        KeyValueCache[] caches = [.. sequences.Select(_ => new KeyValueCache(Config))];
        int[] done = new int[3];
        foreach (int[] counts in new int[][] { [64, 1, 20], [1, 1, 20], [5, 1, 1] })
        {
            float[] logits = model.Continue([.. sequences.Select((s, i) => s[done[i]..(done[i] + counts[i])])], caches).ToArray();
            for (int i = 0; i < 3; i++)
            {
                done[i] += counts[i];
                Assert.Equal(done[i], caches[i].Count);
                Assert.Equal(
                    whole[i][((done[i] - 1) * Config.VocabularySize)..(done[i] * Config.VocabularySize)],
                    logits[(i * Config.VocabularySize)..((i + 1) * Config.VocabularySize)]);
            }
        }
    }

    [Fact]
    public void Generate_SamePromptTwice_DrawsDifferently()
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        IReadOnlyList<IReadOnlyList<int>> two = TextGeneration.Generate(model, [[5, 9], [5, 9]], new GenerationSettings(20, 1.5, 3), []);
        Assert.NotEqual(two[0], two[1]);
    }

    [Fact]
    public void Generate_OnePromptOfSeveralIsTooLong_NamesIt()
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        string message = Assert.Throws<ArgumentException>(() => TextGeneration.Generate(model, [[1], new int[Config.MaxPositions]], new GenerationSettings(1), [])).Message;
        Assert.StartsWith("Prompt 2 has 128 tokens", message, StringComparison.Ordinal);
        Assert.Empty(TextGeneration.Generate(model, new List<int[]>(), new GenerationSettings(1), []));
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(1, -1, 1)]
    [InlineData(1, 0, 0)]
    [InlineData(1, 0, 1.01)]
    [InlineData(1, 0, double.NaN)]
    public void Generate_SettingOutOfRange_IsRefused(int maxNewTokens, int topK, double topP)
    {
        using var workers = new Workers(1);
        var model = new LanguageModel(Weights, null, workers);
        Assert.Throws<ArgumentOutOfRangeException>(() => TextGeneration.Generate(model, [1], new GenerationSettings(maxNewTokens) { TopK = topK, TopP = topP }, []));
    }

    [Fact]
    public void Generate_WeightsThatAreNaN_IsRefused()
    {
        using var workers = new Workers(1);
        DecoderWeights broken = TinyModel.Random(Config);
        broken.FinalNorm[3] = float.NaN;
        Assert.Throws<ArithmeticException>(() => TextGeneration.Generate(new LanguageModel(broken, null, workers), [1], new GenerationSettings(1), []));
    }
}
