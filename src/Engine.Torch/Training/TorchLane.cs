using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Engine.Torch.Models;
using FedLLM.Engine.Training;
using FedLLM.Numerics;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Training;

/// <summary>One client's adapter in training, on the device: float32 factors, gradient and moments.</summary>
internal sealed class TorchLane : ITrainingLane
{
    private readonly TorchOptimizer _optimizer;
    private readonly Tensor _start;
    private readonly Tensor _trains;
    private double _mu;
    private bool _freezes;

    /// <summary>Makes a lane; it starts from the zero adapter.</summary>
    public TorchLane(ModelConfig model, LoraConfig lora, OptimizerSettings optimizer, Device device)
    {
        Adapter = new TorchAdapter(model, lora, device, trains: true);
        using var scope = NewDisposeScope();
        _optimizer = TorchOptimizer.Create(optimizer, Adapter.Layout.Count, device);
        _start = zeros(Adapter.Layout.Count, ScalarType.Float32, device).DetachFromDisposeScope();
        _trains = ones(Adapter.Layout.Count, ScalarType.Bool, device).DetachFromDisposeScope();
        Dropout = new Generator(0, device);
        Adapter.Train(true, true);
    }

    /// <summary>The factors.</summary>
    public TorchAdapter Adapter { get; }

    /// <summary>Draws its dropout masks.</summary>
    public Generator Dropout { get; }

    /// <inheritdoc/>
    public LoraConfig Lora => Adapter.Config;

    /// <inheritdoc/>
    public TensorSet Parameters => Download(Adapter.Flat);

    /// <inheritdoc/>
    public TensorSet Gradient => Download(Adapter.Gradient!);

    /// <inheritdoc/>
    public void Start(TensorSet adapter, LaneTerms? terms = null)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        if (!adapter.Layout.Equals(Adapter.Layout))
        {
            throw new ArgumentException("The adapter's tensors are not the lane's: its targets, its rank or its model differ.", nameof(adapter));
        }

        terms ??= LaneTerms.None;
        if (!double.IsFinite(terms.ProximalMu) || terms.ProximalMu < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(terms), terms.ProximalMu, "mu is finite and not negative.");
        }

        using var scope = NewDisposeScope();
        using IDisposable frozen = no_grad();
        Adapter.Load(adapter.Values);
        Adapter.Train(terms.Trained.HasFlag(LoraHalves.A), terms.Trained.HasFlag(LoraHalves.B));
        _start.copy_(Adapter.Flat);
        _mu = terms.ProximalMu;
        _freezes = terms.Trained != LoraHalves.Both;
        _trains.fill_(true);
        foreach (TensorSlot slot in _freezes ? Adapter.Layout.Slots : [])
        {
            TensorNames.TryParseLora(slot.Name, out _, out _, out bool isB);
            _trains.narrow(0, slot.Offset, slot.Count).fill_(terms.Trained.HasFlag(isB ? LoraHalves.B : LoraHalves.A));
        }

        _optimizer.Reset();
    }

    /// <inheritdoc/>
    public void Edit(Action<float[]> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        float[] values = Parameters.Values;
        change(values);
        Adapter.Load(values);
    }

    /// <summary>Adds the gradient of the proximal term, (mu/2)·‖p - p⁰‖², and returns its value, float64, or null without one. No graph.</summary>
    public Tensor? AddTerms()
    {
        if (_mu == 0)
        {
            return null;
        }

        Tensor distance = Adapter.Flat.sub(_start);
        Adapter.Gradient!.add_(distance, (float)_mu);
        return distance.to(ScalarType.Float64).square().sum().mul(0.5 * _mu);
    }

    /// <summary>Clips the gradient by its norm (float64, on the device) and takes the optimizer's step. No graph.</summary>
    public void Update(in StepSettings settings, Tensor norm)
    {
        Tensor? factor = settings.MaxGradNorm > 0
            ? norm.add(1e-6).reciprocal().mul(settings.MaxGradNorm).clamp_max(1.0).to(ScalarType.Float32)
            : null;
        _optimizer.Step(Adapter.Flat, factor is null ? Adapter.Gradient! : Adapter.Gradient!.mul(factor), settings.LearningRate);
        if (_freezes)
        {
            // A frozen factor has no gradient, so no moment moves it; weight decay would.
            Adapter.Flat.copy_(where(_trains, Adapter.Flat, _start));
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Adapter.Dispose();
        _optimizer.Dispose();
        _start.Dispose();
        _trains.Dispose();
        Dropout.Dispose();
    }

    private TensorSet Download(Tensor flat) => DeviceFailures.Watch(flat.device, () =>
    {
        using var scope = NewDisposeScope();
        return new TensorSet(Adapter.Layout, flat.detach().cpu().data<float>().ToArray());
    });
}
