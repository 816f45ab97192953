using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Files;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using FedLLM.TestSupport;

namespace FedLLM.Engine.Tests.Models;

/// <summary>A base kept as bfloat16 computes what the same values kept as float32 compute, bit for bit.</summary>
public sealed class BFloat16WeightTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Training_OnABFloat16Base_HasTheBitsOfItsWidenedValues(bool tied)
    {
        ModelConfig config = TinyModel.Config(ModelFamily.Qwen2, tied);
        using var folder = new TemporaryFolder();
        ModelDirectory.Save(folder.Path, TinyModel.Random(config), TensorType.BF16);
        DecoderWeights wide = ModelDirectory.Load(folder.Path);
        DecoderWeights half = ModelDirectory.Load(folder.Path, WeightStorage.BFloat16);
        Assert.True(half.Embedding.IsBFloat16 && half.Layers.All(l => l.Linears.All(w => w.Weight.IsBFloat16)));
        Assert.Equal(tied, ReferenceEquals(half.Embedding, half.Head));
        Assert.Equal(Train(wide), Train(half));
        Assert.Throws<InvalidOperationException>(() => half.Parameters().ToArray());
    }

    [Fact]
    public void Load_Float32FileAsBFloat16_RoundsToNearest()
    {
        ModelConfig config = TinyModel.Config();
        using var folder = new TemporaryFolder();
        DecoderWeights original = TinyModel.Random(config);
        ModelDirectory.Save(folder.Path, original);
        WeightMatrix loaded = ModelDirectory.Load(folder.Path, WeightStorage.BFloat16).Embedding;
        var widened = new float[loaded.Length];
        loaded.CopyTo(0, widened.Length, widened);
        for (int i = 0; i < widened.Length; i++)
        {
            float value = original.Embedding.Single[i];
            Assert.InRange(Math.Abs(widened[i] - value), 0, Math.Abs(value) / 256); // half a unit of 8 significant bits
        }

        Assert.NotEqual(original.Embedding.Single.AsEnumerable(), widened);
    }

    private static float[] Train(DecoderWeights weights)
    {
        using var workers = new Workers(2);
        LoraConfig lora = TinyModel.AllLinears();
        var trainer = SingleLane.Supervised(weights, lora, new AdamWSettings(), workers);
        trainer.Start(TinyModel.Adapter(weights.Config, lora).Parameters);
        for (int step = 0; step < 3; step++)
        {
            trainer.Step([[TinyModel.Sequence(weights.Config, 40, (ulong)step), TinyModel.Sequence(weights.Config, 3, 9)]], new StepSettings(1e-2, 1));
        }

        return trainer.Parameters.Values;
    }
}
