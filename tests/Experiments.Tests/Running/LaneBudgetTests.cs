using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Experiments.Tests.Running;

public sealed class LaneBudgetTests
{
    private const int Useful = 2048; // rows of a pass that make a product large
    private static readonly PreparedExperiment Prepared = PreparedExperiment.Prepare(DemoAssets.Experiment());

    // Two samples of the demo's mean length.
    private static readonly double Rows = 2.0 * Prepared.Reports.Sum(r => r.Tally.Tokens) / Prepared.Reports.Sum(r => r.Tally.Usable);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)]
    public void Lanes_AmpleMemory_FillEveryThreadsProducts(int threads)
    {
        int lanes = LaneBudget.Lanes(Prepared, Options() with { LaneMemory = 1 << 20 }, threads);
        Assert.Equal(0, lanes % threads);
        Assert.InRange(lanes / threads * Rows, Useful, Useful + Rows);
    }

    [Fact]
    public void Lanes_LargeBatches_AreOneToAThread()
    {
        Assert.Equal(2, LaneBudget.Lanes(Prepared, Options() with { BatchSize = 1000, LaneMemory = 1 << 20 }, threads: 2));
    }

    [Fact]
    public void Lanes_LittleMemory_AreWhatFitsAndAtLeastOne()
    {
        long perLane = TrainingMemory.BytesPerLane(Prepared.Weights.Config, Prepared.Experiment.Lora.ToConfig(), (long)Rows, checkpointing: false);
        int megabytes = (int)((3.5 * perLane) / (1 << 20)) + 1;
        int fit = LaneBudget.Lanes(Prepared, Options() with { LaneMemory = megabytes }, threads: 8);
        Assert.Equal(megabytes * (1L << 20) / perLane, fit);
        Assert.True(LaneBudget.Lanes(Prepared, Options() with { LaneMemory = megabytes, GradientCheckpointing = true }, threads: 8) > fit);
        Assert.Equal(1, LaneBudget.Lanes(Prepared, Options() with { LaneMemory = 1, BatchSize = 4096 }, threads: 8));
    }

    [Fact]
    public void Lanes_ClientsOfFurtherRanks_CountAnAdapterOfEach()
    {
        PreparedExperiment ranks = PreparedExperiment.Prepare(DemoAssets.Experiment(
            "federation.lora_aggregation=flora", "lora.rank_by_client={0: 2, 1: 1, 2: 2}"));
        LoraConfig whole = ranks.Experiment.Lora.ToConfig();
        long perLane = TrainingMemory.BytesPerLane(ranks.Weights.Config, whole, (long)Rows, checkpointing: false)
            + (sizeof(float) * 4L * (LoraLayout.For(ranks.Weights.Config, whole with { Rank = 2 }).Count + LoraLayout.For(ranks.Weights.Config, whole with { Rank = 1 }).Count));
        int megabytes = (int)((5.5 * perLane) / (1 << 20)) + 1;
        Assert.Equal(megabytes * (1L << 20) / perLane, LaneBudget.Lanes(ranks, ranks.Experiment.Training with { LaneMemory = megabytes }, threads: 8));
    }

    private static TrainingOptions Options() => Prepared.Experiment.Training;
}
