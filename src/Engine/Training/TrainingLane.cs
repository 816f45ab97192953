using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Engine.Models;
using FedLLM.Numerics;

namespace FedLLM.Engine.Training;

/// <summary>One client's adapter in training: its parameters, gradient and optimizer. Several lanes share one base model and one <see cref="LoraTrainer{TSample}"/>.</summary>
public sealed class TrainingLane : ITrainingLane
{
    private readonly IOptimizer _optimizer;
    private readonly float[] _gradient;
    private readonly IReadOnlyList<LoraModule> _modules;
    private ProximalTerm? _proximal;
    private bool _isProximal;
    private Range[] _trained = []; // empty where all train

    /// <summary>Makes a lane for adapters of <paramref name="config"/> on <paramref name="model"/>; it starts from the zero adapter.</summary>
    public TrainingLane(ModelConfig model, LoraConfig config, OptimizerSettings optimizer)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Adapter = new LoraAdapter(model, config, new TensorSet(LoraLayout.For(model, config)));
        _modules = config.Modules(model.Layers);
        _gradient = new float[Parameters.Values.Length];
        _optimizer = optimizer.Create(_gradient.Length);
    }

    /// <summary>The adapter being trained.</summary>
    public LoraAdapter Adapter { get; }

    /// <inheritdoc/>
    public LoraConfig Lora => Adapter.Config;

    /// <inheritdoc/>
    public TensorSet Parameters => Adapter.Parameters;

    /// <inheritdoc/>
    public TensorSet Gradient => new(Parameters.Layout, _gradient);

    /// <summary>The factors that train.</summary>
    public LoraHalves Trained { get; private set; } = LoraHalves.Both;

    internal float[] GradientValues => _gradient;

    /// <inheritdoc/>
    public void Start(TensorSet adapter, LaneTerms? terms = null)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        if (!adapter.Layout.Equals(Parameters.Layout))
        {
            throw new ArgumentException("The adapter's tensors are not the lane's: its targets, its rank or its model differ.", nameof(adapter));
        }

        terms ??= LaneTerms.None;
        _isProximal = terms.ProximalMu != 0;
        if (_isProximal)
        {
            _proximal ??= new ProximalTerm(_gradient.Length);
            _proximal.Start(terms.ProximalMu, adapter.Values);
        }

        Trained = terms.Trained;
        _trained = terms.Trained == LoraHalves.Both ? [] : [.. Parts(terms.Trained)];
        adapter.Values.CopyTo(Parameters.Values, 0);
        _optimizer.Reset();
    }

    /// <inheritdoc/>
    public void Edit(Action<float[]> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        change(Parameters.Values);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>Adds the gradient of what is added to the objective, and returns its value.</summary>
    internal double AddTerms() => _isProximal ? _proximal!.Add(Parameters.Values, _gradient) : 0;

    /// <summary>Clips the gradient and takes the optimizer's step.</summary>
    internal void Update(in StepSettings settings, double gradientNorm) => _optimizer.Step(
        Parameters.Values, _gradient, settings.LearningRate, GradientClip.Factor(gradientNorm, settings.MaxGradNorm), _trained);

    private IEnumerable<Range> Parts(LoraHalves trained)
    {
        foreach (LoraModule module in _modules)
        {
            TensorSlot slot = Parameters.Layout[trained == LoraHalves.A ? TensorNames.LoraA(module.Layer, module.Kind) : TensorNames.LoraB(module.Layer, module.Kind)];
            yield return slot.Offset..(slot.Offset + slot.Count);
        }
    }
}
