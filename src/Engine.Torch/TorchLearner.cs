using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch.Models;
using FedLLM.Engine.Torch.Training;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch;

/// <summary>The learner on TorchSharp, on a GPU or on Torch's CPU. Results agree with the CPU engine's within rounding, not to the bit.</summary>
public sealed class TorchLearner : ILearner
{
    /// <summary>Engine and version of its arithmetic: raised whenever a change alters a training's result beyond rounding.</summary>
    public const string NumericsVersion = "torch-1";

    // Rows that keep a GPU's matrix products large.
    private const int GpuRows = 16384;
    private const int CpuRows = 2048;

    private readonly TorchWeights _weights;
    private readonly TorchDevice _device;

    /// <summary>Copies <paramref name="weights"/> to <paramref name="device"/>.</summary>
    public TorchLearner(DecoderWeights weights, TorchDevice device)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _weights = TorchWeights.Upload(weights, device.Device);
    }

    private TorchLearner(TorchWeights weights, TorchDevice device) => (_weights, _device) = (weights, device);

    /// <inheritdoc/>
    public ModelConfig Model => _weights.Config;

    /// <inheritdoc/>
    public string Device => _device.Name;

    /// <inheritdoc/>
    public string Numerics => NumericsVersion;

    /// <inheritdoc/>
    public int UsefulRows => _device.IsGpu ? GpuRows : CpuRows;

    /// <inheritdoc/>
    public long LaneMemory => _device.LaneMemory;

    /// <summary>One: a device is one queue, and Torch spreads a product over the threads itself.</summary>
    public int Sessions(int threads) => 1;

    /// <inheritdoc/>
    public ILearnerSession Open(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        if (!_device.IsGpu)
        {
            set_num_threads(threads);
        }

        return new Session(_weights);
    }

    /// <inheritdoc/>
    public long BytesPerLane(LoraConfig lora, long rows, bool checkpointing) => TorchMemory.BytesPerLane(Model, lora, rows, checkpointing, _weights.Type);

    /// <inheritdoc/>
    public ILearner Corrected(TensorSet correction, int threads)
    {
        ArgumentNullException.ThrowIfNull(correction);
        return new TorchLearner(_weights.Corrected(correction), _device);
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private sealed class Session(TorchWeights weights) : ILearnerSession
    {
        private readonly List<TorchLanguageModel> _models = [];

        public ILanguageModel Model(LoraAdapter? adapter)
        {
            var model = new TorchLanguageModel(weights, adapter);
            _models.Add(model);
            return model;
        }

        public ITrainingLane Lane(LoraConfig lora, OptimizerSettings optimizer) => new TorchLane(weights.Config, lora, optimizer, weights.Device);

        public ILoraTrainer<TSample> Trainer<TSample>(IObjective<TSample> objective, bool checkpointing) => new TorchTrainer<TSample>(weights, objective, checkpointing);

        public void Dispose()
        {
            foreach (TorchLanguageModel model in _models)
            {
                model.Dispose();
            }
        }
    }
}
