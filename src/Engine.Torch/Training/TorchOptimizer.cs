using FedLLM.Engine.Training;
using static TorchSharp.torch;

namespace FedLLM.Engine.Torch.Training;

/// <summary>An optimizer over one flat tensor of float32 parameters; its moments stay on the device. No graph.</summary>
internal abstract class TorchOptimizer : IDisposable
{
    /// <summary>Makes a fresh optimizer for <paramref name="count"/> parameters.</summary>
    /// <exception cref="NotSupportedException">The engine does not know the optimizer.</exception>
    public static TorchOptimizer Create(OptimizerSettings settings, int count, Device device) => settings switch
    {
        AdamWSettings adam => new TorchAdamW(adam, count, device),
        SgdSettings sgd => new TorchSgd(sgd, count, device),
        _ => throw new NotSupportedException($"The optimizer {settings.GetType().Name} is not known to the Torch engine."),
    };

    /// <summary>Forgets all moments and the number of steps.</summary>
    public abstract void Reset();

    /// <summary>Updates <paramref name="parameters"/> by <paramref name="gradient"/>.</summary>
    public abstract void Step(Tensor parameters, Tensor gradient, double learningRate);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>
/// AdamW (Loshchilov and Hutter, 2019, alg. 2) as PyTorch computes it:
/// p ← p·(1 - lr·λ); m ← m + (1-β₁)(g - m); v ← β₂·v + (1-β₂)·g²; p ← p - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε).
/// </summary>
internal sealed class TorchAdamW(AdamWSettings settings, int count, Device device) : TorchOptimizer
{
    private readonly Tensor _first = zeros(count, ScalarType.Float32, device).DetachFromDisposeScope();
    private readonly Tensor _second = zeros(count, ScalarType.Float32, device).DetachFromDisposeScope();
    private int _steps;

    /// <inheritdoc/>
    public override void Reset()
    {
        _first.zero_();
        _second.zero_();
        _steps = 0;
    }

    /// <inheritdoc/>
    public override void Step(Tensor parameters, Tensor gradient, double learningRate)
    {
        _steps++;
        double correction1 = 1 - Math.Pow(settings.Beta1, _steps);
        double correction2 = Math.Sqrt(1 - Math.Pow(settings.Beta2, _steps));
        if (settings.WeightDecay != 0)
        {
            parameters.mul_(1 - (learningRate * settings.WeightDecay));
        }

        _first.mul_(settings.Beta1).add_(gradient, 1 - settings.Beta1);
        _second.mul_(settings.Beta2).addcmul_(gradient, gradient, 1 - settings.Beta2);
        parameters.addcdiv_(_first, _second.sqrt().div_(correction2).add_(settings.Epsilon), -learningRate / correction1);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}

/// <summary>
/// Stochastic gradient descent with heavy-ball momentum (Sutskever et al., 2013) as PyTorch computes it, without dampening:
/// g ← g + λ·p; b ← μ·b + g; p ← p - lr·b.
/// </summary>
internal sealed class TorchSgd(SgdSettings settings, int count, Device device) : TorchOptimizer
{
    private readonly Tensor? _momentum = settings.Momentum > 0 ? zeros(count, ScalarType.Float32, device).DetachFromDisposeScope() : null;

    /// <inheritdoc/>
    public override void Reset() => _momentum?.zero_();

    /// <inheritdoc/>
    public override void Step(Tensor parameters, Tensor gradient, double learningRate)
    {
        Tensor move = settings.WeightDecay == 0 ? gradient : gradient.add(parameters, settings.WeightDecay);
        parameters.add_(_momentum is null ? move : _momentum.mul_(settings.Momentum).add_(move), -learningRate);
    }

    /// <inheritdoc/>
    public override void Dispose() => _momentum?.Dispose();
}
