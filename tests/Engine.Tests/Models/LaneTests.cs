using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Lanes: each one's bits are those of training alone, whatever trains beside it.</summary>
public sealed class LaneTests
{
    private const int Steps = 3;

    public static TheoryData<int, int> Mixes()
    {
        var data = new TheoryData<int, int>();
        for (int seed = 0; seed < 12; seed++)
        {
            data.Add(seed, 1 + (seed % 4));
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Mixes))]
    public void Step_RandomMixOfLanes_GivesEachLaneTheBitsOfTrainingAlone(int seed, int threads)
    {
        var draw = new Draws(seed);
        ModelConfig config = TinyModel.Config(seed % 2 == 0 ? ModelFamily.Llama : ModelFamily.Qwen2);
        DecoderWeights weights = TinyModel.Random(config);
        Client[] clients = [.. Enumerable.Range(0, 2 + draw.Below(5)).Select(_ => Client.Random(config, draw))];
        using var team = new Workers(threads);
        using var alone = new Workers(1);
        Outcome[] together = Train(weights, clients, team);
        for (int i = 0; i < clients.Length; i++)
        {
            Outcome single = Train(weights, [clients[i]], alone)[0];
            Assert.Equal(single.Results, together[i].Results);
            Assert.Equal(single.Parameters.AsEnumerable(), together[i].Parameters);
        }
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.3)]
    public void Step_WithCheckpointing_GivesTheSameBits(double dropout)
    {
        ModelConfig config = TinyModel.Config(ModelFamily.Qwen2);
        DecoderWeights weights = TinyModel.Random(config);
        Client[] clients = [Client.Random(config, new Draws(3)), Client.Random(config, new Draws(4))];
        clients = [.. clients.Select(c => c with { Lora = c.Lora with { Dropout = dropout } })];
        using var workers = new Workers(2);
        Outcome[] kept = Train(weights, clients, workers);
        Outcome[] again = Train(weights, clients, workers, checkpointing: true);
        for (int i = 0; i < clients.Length; i++)
        {
            Assert.Equal(kept[i].Results, again[i].Results);
            Assert.Equal(kept[i].Parameters.AsEnumerable(), again[i].Parameters);
        }
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

    private static Outcome[] Train(DecoderWeights weights, Client[] clients, Workers workers, bool checkpointing = false)
    {
        var trainer = new LoraTrainer<TokenSequence>(weights, new NextTokenObjective(), workers, checkpointing);
        TrainingLane[] lanes = [.. clients.Select(c => new TrainingLane(weights.Config, c.Lora, c.Optimizer))];
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i].Start(TinyModel.Adapter(weights.Config, clients[i].Lora, clients[i].Seed).Parameters);
        }

        var results = new StepResult[lanes.Length];
        var history = lanes.Select(_ => new List<StepResult>()).ToArray();
        for (int step = 0; step < Steps; step++)
        {
            trainer.Step(
                [.. lanes.Select((lane, i) => new LaneStep<TokenSequence>(lane, clients[i].Batches[step], clients[i].Settings with { Step = step }))], results);
            for (int i = 0; i < lanes.Length; i++)
            {
                history[i].Add(results[i]);
            }
        }

        return [.. lanes.Select((lane, i) => new Outcome(history[i], lane.Parameters.Values))];
    }

    private sealed record Outcome(IReadOnlyList<StepResult> Results, float[] Parameters);

    /// <summary>One lane's work: its adapter, optimizer and steps of micro-batches of random sequences.</summary>
    private sealed record Client(ulong Seed, LoraConfig Lora, OptimizerSettings Optimizer, StepSettings Settings, TokenSequence[][][] Batches)
    {
        public static Client Random(ModelConfig config, Draws draw)
        {
            ulong seed = (ulong)draw.Below(1000);
            HashSet<LinearKind> targets = [.. Enum.GetValues<LinearKind>().Where(_ => draw.Below(2) == 0)];
            targets.Add(LinearKind.Value);
            var lora = new LoraConfig(1 + draw.Below(20), 8, draw.Below(2) == 0 ? 0 : 0.2, targets);
            OptimizerSettings optimizer = draw.Below(2) == 0 ? new AdamWSettings(WeightDecay: 0.1) : new SgdSettings(0.9);
            var settings = new StepSettings(
                0.01 * (1 + draw.Below(3)), draw.Below(2), seed, Round: 1, Client: draw.Below(9),
                Accumulation: draw.Below(2) == 0 ? GradientAccumulation.TokenMean : GradientAccumulation.MicroBatchMean);
            TokenSequence[][][] batches =
            [
                .. Enumerable.Range(0, Steps).Select(_ => Enumerable.Range(0, 1 + draw.Below(3)).Select(_ =>
                    Enumerable.Range(0, 1 + draw.Below(4)).Select(_ => TinyModel.Sequence(config, 2 + draw.Below(90), (ulong)draw.Below(10_000))).ToArray()).ToArray()),
            ];
            return new Client(seed, lora, optimizer, settings, batches);
        }
    }

    private sealed class Draws(int seed)
    {
        private readonly CounterRandom _random = new((ulong)seed, RandomPurpose.DataGeneration, round: 77);
        private ulong _position;

        public int Below(int limit) => (int)_random.Below((uint)limit, ref _position);
    }
}
