using FedLLM.Engine.Models;
using FedLLM.Engine.Tests.Training;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>
/// Lanes: each one's bits are those of training alone, whatever trains beside it, on any number of threads, with its activations kept or computed again.
/// </summary>
public sealed class LaneTests
{
    public static TheoryData<int, int, bool> Mixes()
    {
        var data = new TheoryData<int, int, bool>();
        for (int seed = 0; seed < 16; seed++)
        {
            data.Add(seed, 1 + (seed % 4), (seed / 4) % 2 == 1);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Mixes))]
    public void Step_RandomMixOfSequences_GivesEachLaneTheBitsOfTrainingAlone(int seed, int threads, bool checkpointing)
    {
        var draw = new Draws(seed);
        ModelConfig config = TinyModel.Config(seed % 2 == 0 ? ModelFamily.Llama : ModelFamily.Qwen2);
        LaneClient<TokenSequence>[] clients = [.. Enumerable.Range(0, 2 + draw.Below(5)).Select(_ => LaneMix.Draw(draw, d => Sequence(config, d)))];
        LaneMix.AssertEachAsAlone(TinyModel.Random(config), new NextTokenObjective(), clients, threads, checkpointing);
    }

    [Theory]
    [MemberData(nameof(Mixes))]
    public void Step_RandomMixOfPairs_GivesEachLaneTheBitsOfTrainingAlone(int seed, int threads, bool checkpointing)
    {
        var draw = new Draws(100 + seed);
        ModelConfig config = TinyModel.Config(seed % 2 == 0 ? ModelFamily.Qwen2 : ModelFamily.Llama);
        DecoderWeights weights = TinyModel.Random(config);
        var objective = new PreferenceObjective((PreferenceLossKind)draw.Below(3), 0.2, lengthNormalized: draw.Below(2) == 0);
        LaneClient<ReferencedPair>[] clients = [.. Enumerable.Range(0, 2 + draw.Below(4)).Select(_ => LaneMix.Draw(
            draw, d => RandomPairs.Referenced(weights, 1 + d.Below(70), 1 + d.Below(9), 1 + d.Below(20), (ulong)d.Below(10_000))))];
        LaneMix.AssertEachAsAlone(weights, objective, clients, threads, checkpointing);
    }

    [Fact]
    public void Step_LaneWithoutMicroBatches_IsRefused()
    {
        ModelConfig config = TinyModel.Config();
        using var workers = new Workers(1);
        var trainer = new LoraTrainer<TokenSequence>(TinyModel.Random(config), new NextTokenObjective(), workers);
        var lane = new TrainingLane(config, TinyModel.AllLinears(), new AdamWSettings());
        Assert.Throws<ArgumentException>(() => trainer.Step([new LaneStep<TokenSequence>(lane, [], default)], new StepResult[1]));
        var silent = new TokenSequence([1, 2, 3], [false, false, false]);
        ArgumentException error = Assert.Throws<ArgumentException>(
            () => trainer.Step([new LaneStep<TokenSequence>(lane, [[silent]], default)], new StepResult[1]));
        Assert.Contains("scores no token", error.Message, StringComparison.Ordinal);
    }

    private static TokenSequence Sequence(ModelConfig config, Draws draw) => TinyModel.Sequence(config, 2 + draw.Below(90), (ulong)draw.Below(10_000));

    [Theory]
    [InlineData(LoraHalves.A, 0.0)]
    [InlineData(LoraHalves.B, 0.0)]
    [InlineData(LoraHalves.A, 0.2)]
    [InlineData(LoraHalves.B, 0.2)]
    public void Step_FrozenFactor_HasNoGradientAndStaysToTheBit(LoraHalves trained, double dropout)
    {
        ModelConfig config = TinyModel.Config();
        DecoderWeights weights = TinyModel.Random(config);
        using var workers = new Workers(2);
        var trainer = new LoraTrainer<TokenSequence>(weights, new NextTokenObjective(), workers);
        LoraConfig lora = TinyModel.AllLinears(dropout: dropout);
        TensorSet start = TinyModel.Adapter(config, lora).Parameters;
        var lane = new TrainingLane(config, lora, new AdamWSettings(WeightDecay: 0.1));
        var whole = new TrainingLane(config, lora, new AdamWSettings(WeightDecay: 0.1));
        TokenSequence[] batch = [TinyModel.Sequence(config, 12, 3), TinyModel.Sequence(config, 7, 4)];
        lane.Start(start, new LaneTerms { Trained = trained });
        whole.Start(start);
        for (int step = 0; step < 3; step++)
        {
            var settings = new StepSettings(1e-2, Step: step);
            trainer.Step([new LaneStep<TokenSequence>(lane, [batch], settings), new LaneStep<TokenSequence>(whole, [batch], settings)], new StepResult[2]);
            foreach (TensorSlot slot in start.Layout.Slots)
            {
                bool trains = slot.Name.Contains(trained == LoraHalves.A ? "lora_A" : "lora_B", StringComparison.Ordinal);
                Assert.Equal(!trains, lane.Parameters[slot].SequenceEqual(start[slot]));
                Assert.Equal(!trains, lane.Gradient[slot].ToArray().All(g => g == 0));
                if (trains && step == 0)
                {
                    Assert.True(lane.Gradient[slot].SequenceEqual(whole.Gradient[slot]), "The trained factor's gradient depends on what is frozen.");
                }
            }
        }
    }
}
