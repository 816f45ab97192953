using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch.Memory;
using FedLLM.Engine.Torch.Models;
using FedLLM.Engine.Torch.Training;
using FedLLM.Engine.Torch.Weights;
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

    /// <summary>Copies <paramref name="weights"/> to <paramref name="device"/>, and quantises them there.</summary>
    public TorchLearner(DecoderWeights weights, TorchDevice device, WeightQuantization quantization = WeightQuantization.None)
    {
        ArgumentNullException.ThrowIfNull(weights);
        ArgumentNullException.ThrowIfNull(device);
        _device = device;
        _weights = DeviceFailures.Watch(device.Device, () => TorchWeights.Upload(weights, device.Device, quantization));
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
    public long LaneMemory => _device.Memory.Available();

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

        return new Session(_weights, _device.Memory);
    }

    /// <summary>A half of the estimate: how many lanes step together is decided by measurement, where they train.</summary>
    public long BytesPerLane(LoraConfig lora, long rows, bool checkpointing) => MemoryEstimate.BytesPerLane(Model, lora, rows, checkpointing, _weights.Type) / 2;

    /// <inheritdoc/>
    public ILearner Corrected(TensorSet correction, int threads)
    {
        ArgumentNullException.ThrowIfNull(correction);
        return new TorchLearner(_weights.Corrected(correction), _device);
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private sealed class Session(TorchWeights weights, IDeviceMemory memory) : ILearnerSession
    {
        private readonly List<IDisposable> _owned = [];

        public ILanguageModel Model(LoraAdapter? adapter)
        {
            var model = new TorchLanguageModel(weights, adapter);
            _owned.Add(model);
            return model;
        }

        public ITrainingLane Lane(LoraConfig lora, OptimizerSettings optimizer) =>
            DeviceFailures.Watch(weights.Device, () => new TorchLane(weights.Config, lora, optimizer, weights.Device));

        public ILoraTrainer<TSample> Trainer<TSample>(IObjective<TSample> objective, bool checkpointing)
        {
            var trainer = new TorchTrainer<TSample>(weights, memory, objective, checkpointing);
            _owned.Add(trainer);
            return trainer;
        }

        public void Dispose()
        {
            foreach (IDisposable owned in _owned)
            {
                owned.Dispose();
            }
        }
    }
}
