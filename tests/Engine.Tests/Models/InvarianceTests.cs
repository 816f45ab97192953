using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Same bits whatever a sequence is packed with, however many threads there are, and with a key-value cache or without.</summary>
public sealed class InvarianceTests
{
    private static readonly ModelConfig Config = TinyModel.Config(ModelFamily.Qwen2);
    private static readonly DecoderWeights Weights = TinyModel.Random(Config);
    private static readonly LoraAdapter Adapter = TinyModel.Adapter(Config, TinyModel.AllLinears());

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void Logits_AnyBatchAndThreads_AreBitIdentical(int threads)
    {
        using var workers = new Workers(threads);
        using var alone = new Workers(1);
        var model = new LanguageModel(Weights, Adapter, workers);
        var single = new LanguageModel(Weights, Adapter, alone);
        TokenSequence[] batch = [.. ((int[])[70, 1, 2, 33, 64, 65, 7]).Select((length, i) => TinyModel.Sequence(Config, length, (ulong)i + 10))];
        float[] together = model.Logits(batch);
        int row = 0;
        foreach (TokenSequence sequence in batch)
        {
            float[] expected = single.Logits([sequence]);
            Assert.Equal(expected.AsEnumerable(), together.AsSpan(row * Config.VocabularySize, expected.Length).ToArray());
            row += sequence.Tokens.Length;
        }
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void Training_AnyThreads_GivesBitIdenticalAdapters(int threads)
    {
        Assert.Equal(Train(1), Train(threads));

        static float[] Train(int threads)
        {
            using var workers = new Workers(threads);
            var trainer = SingleLane.Supervised(Weights, Adapter.Config with { Dropout = 0.1 }, new AdamWSettings(), workers);
            trainer.Start(Adapter.Parameters);
            for (int step = 0; step < 3; step++)
            {
                TokenSequence[] batch = [.. Enumerable.Range(0, 5).Select(i => TinyModel.Sequence(Config, 5 + (17 * i), (ulong)((10 * step) + i)))];
                trainer.Step([batch[..2], batch[2..]], new StepSettings(1e-2, 1.0, Seed: 1, Step: step));
            }

            return trainer.Parameters.Values;
        }
    }

    [Fact]
    public void Dropout_OtherStep_DrawsAnotherMask()
    {
        using var workers = new Workers(1);
        var trainer = SingleLane.Supervised(Weights, Adapter.Config with { Dropout = 0.5 }, new AdamWSettings(), workers);
        trainer.Start(Adapter.Parameters);
        TokenSequence[][] batch = [[TinyModel.Sequence(Config, 20, 1)]];
        double first = trainer.ComputeGradient(batch, new StepSettings(0, Step: 0)).Loss;
        Assert.Equal(first, trainer.ComputeGradient(batch, new StepSettings(0, Step: 0)).Loss);
        Assert.NotEqual(first, trainer.ComputeGradient(batch, new StepSettings(0, Step: 1)).Loss);
        Assert.NotEqual(first, trainer.ComputeGradient(batch, new StepSettings(0, Client: 1)).Loss);
    }

    [Fact]
    public void Continue_TokenByToken_EqualsWholeSequence()
    {
        using var workers = new Workers(2);
        var model = new LanguageModel(Weights, Adapter, workers);
        TokenSequence sequence = TinyModel.Sequence(Config, 80, 3);
        float[] whole = model.Logits([sequence]);
        var cache = new KeyValueCache(Config);
        int done = 0;
        foreach (int count in (int[])[5, 1, 1, 66, 1, 6])
        {
            float[] last = model.Continue([sequence.Tokens[done..(done + count)]], [cache]).ToArray();
            done += count;
            Assert.Equal(whole.AsSpan((done - 1) * Config.VocabularySize, Config.VocabularySize).ToArray().AsEnumerable(), last);
        }

        Assert.Equal(sequence.Tokens.Length, done);
    }
}
