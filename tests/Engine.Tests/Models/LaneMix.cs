using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Models;

/// <summary>Lanes that differ in everything a lane may differ in, and what training them gives, together or alone.</summary>
internal static class LaneMix
{
    public const int Steps = 3;

    /// <summary>Trains the clients side by side, one lane each, for <see cref="Steps"/> steps.</summary>
    public static Outcome[] Train<TSample>(
        DecoderWeights weights, IObjective<TSample> objective, LaneClient<TSample>[] clients, int threads, bool checkpointing)
    {
        using var workers = new Workers(threads);
        var trainer = new LoraTrainer<TSample>(weights, objective, workers, checkpointing);
        TrainingLane[] lanes = [.. clients.Select(c => new TrainingLane(weights.Config, c.Lora, c.Optimizer))];
        for (int i = 0; i < lanes.Length; i++)
        {
            lanes[i].Start(TinyModel.Adapter(weights.Config, clients[i].Lora, clients[i].Settings.Seed).Parameters);
        }

        var results = new StepResult[lanes.Length];
        var history = lanes.Select(_ => new List<StepResult>()).ToArray();
        for (int step = 0; step < Steps; step++)
        {
            trainer.Step(
                [.. lanes.Select((lane, i) => new LaneStep<TSample>(lane, clients[i].Batches[step], clients[i].Settings with { Step = step }))], results);
            for (int i = 0; i < lanes.Length; i++)
            {
                history[i].Add(results[i]);
            }
        }

        return [.. lanes.Select((lane, i) => new Outcome(history[i], lane.Parameters.Values))];
    }

    /// <summary>Requires that every client of the mix has the bits of training alone, on one thread, with its activations kept.</summary>
    public static void AssertEachAsAlone<TSample>(
        DecoderWeights weights, IObjective<TSample> objective, LaneClient<TSample>[] clients, int threads, bool checkpointing)
    {
        Outcome[] together = Train(weights, objective, clients, threads, checkpointing);
        for (int i = 0; i < clients.Length; i++)
        {
            Outcome alone = Train(weights, objective, [clients[i]], threads: 1, checkpointing: false)[0];
            Assert.Equal(alone.Results, together[i].Results);
            Assert.Equal(alone.Parameters.AsEnumerable(), together[i].Parameters);
        }
    }

    /// <summary>Draws a client: targets in both layers or in the upper one alone, rank, dropout, optimizer, learning rate, clipping, accumulation, micro-batches of different numbers and sizes.</summary>
    public static LaneClient<TSample> Draw<TSample>(Draws draw, Func<Draws, TSample> sample)
    {
        HashSet<LinearKind> kinds = [.. Enum.GetValues<LinearKind>().Where(_ => draw.Below(2) == 0)];
        kinds.Add((LinearKind)draw.Below(7));
        LoraTargets targets = draw.Below(3) == 0 ? LoraTargets.Named([.. kinds.Select(k => TensorNames.Module(1, k))]) : LoraTargets.Of(kinds);
        var lora = new LoraConfig(1 + draw.Below(20), 8, draw.Below(2) == 0 ? 0 : 0.2, targets);
        OptimizerSettings optimizer = draw.Below(2) == 0 ? new AdamWSettings(WeightDecay: 0.1) : new SgdSettings(0.9);
        var settings = new StepSettings(
            0.01 * (1 + draw.Below(3)), 0.5 * draw.Below(3), (ulong)draw.Below(1000), Round: 1, Client: draw.Below(9),
            Accumulation: draw.Below(2) == 0 ? GradientAccumulation.TokenMean : GradientAccumulation.MicroBatchMean);
        TSample[][][] batches =
        [
            .. Enumerable.Range(0, Steps).Select(_ => Enumerable.Range(0, 1 + draw.Below(3)).Select(_ =>
                Enumerable.Range(0, 1 + draw.Below(4)).Select(_ => sample(draw)).ToArray()).ToArray()),
        ];
        return new LaneClient<TSample>(lora, optimizer, settings, batches);
    }

    /// <summary>What a lane measured and became.</summary>
    public sealed record Outcome(IReadOnlyList<StepResult> Results, float[] Parameters);
}

/// <summary>One lane's work: its adapter, optimizer and steps of micro-batches.</summary>
internal sealed record LaneClient<TSample>(LoraConfig Lora, OptimizerSettings Optimizer, StepSettings Settings, TSample[][][] Batches);

/// <summary>Small draws by seed.</summary>
internal sealed class Draws(int seed)
{
    private readonly CounterRandom _random = new((ulong)seed, RandomPurpose.DataGeneration, round: 77);
    private ulong _position;

    public int Below(int limit) => (int)_random.Below((uint)limit, ref _position);
}
