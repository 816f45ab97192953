using FedLLM.Engine.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;

namespace FedLLM.Engine.Learners;

/// <summary>The CPU engine: the same bits on any number of threads, lanes and instruction sets.</summary>
/// <param name="weights">The base model; shared, never written.</param>
public sealed class CpuLearner(DecoderWeights weights) : ILearner
{
    // Share of the machine's memory that lanes may fill.
    private const double MemoryShare = 0.25;

    /// <inheritdoc/>
    public ModelConfig Model => weights.Config;

    /// <inheritdoc/>
    public string Device => "cpu";

    /// <inheritdoc/>
    public string Numerics => NumericsVersion.Current;

    /// <inheritdoc/>
    public int UsefulRows => 2048;

    /// <inheritdoc/>
    public long LaneMemory => (long)(MemoryShare * GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>As many as there are threads: they need not wait for one another within a product.</summary>
    public int Sessions(int threads) => threads;

    /// <inheritdoc/>
    public ILearnerSession Open(int threads) => new Session(weights, threads);

    /// <inheritdoc/>
    public long BytesPerLane(LoraConfig lora, long rows, bool checkpointing) => TrainingMemory.BytesPerLane(Model, lora, rows, checkpointing);

    /// <inheritdoc/>
    public ILearner Corrected(TensorSet correction, int threads)
    {
        using var workers = new Workers(threads);
        return new CpuLearner(CorrectedWeights.Of(weights, correction, workers));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private sealed class Session(DecoderWeights weights, int threads) : ILearnerSession
    {
        private readonly Workers _workers = new(threads);

        public ILanguageModel Model(LoraAdapter? adapter) => new LanguageModel(weights, adapter, _workers);

        public ITrainingLane Lane(LoraConfig lora, OptimizerSettings optimizer) => new TrainingLane(weights.Config, lora, optimizer);

        public ILoraTrainer<TSample> Trainer<TSample>(IObjective<TSample> objective, bool checkpointing) =>
            new LoraTrainer<TSample>(weights, objective, _workers, checkpointing);

        public void Dispose() => _workers.Dispose();
    }
}
