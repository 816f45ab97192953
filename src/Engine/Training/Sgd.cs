using System.Runtime.Intrinsics;
using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Training;

/// <summary>SGD's constants.</summary>
/// <param name="Momentum">μ, in [0, 1).</param>
/// <param name="WeightDecay">λ, added to the gradient as λ·p (not decoupled, as PyTorch's SGD); not negative.</param>
public sealed record SgdSettings(double Momentum = 0.0, double WeightDecay = 0.0) : OptimizerSettings
{
    /// <inheritdoc/>
    public override IOptimizer Create(int count) => new Sgd(count, this);
}

/// <summary>
/// Stochastic gradient descent with heavy-ball momentum (Sutskever et al., 2013) as PyTorch computes it, without dampening:
/// g ← g + λ·p; b ← g in the first step, μ·b + g after; p ← p - lr·b.
/// </summary>
public sealed unsafe class Sgd : IOptimizer
{
    private readonly SgdSettings _settings;
    private readonly int _count;
    private readonly float[] _momentum;

    /// <summary>Makes a fresh optimizer for a flat buffer of <paramref name="count"/> parameters.</summary>
    public Sgd(int count, SgdSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _count = count;
        _momentum = settings.Momentum > 0 ? new float[count] : [];
    }

    /// <inheritdoc/>
    /// <remarks>μ·0 + g = g: the first step needs no case of its own.</remarks>
    public void Reset() => Array.Clear(_momentum);

    /// <inheritdoc/>
    public void Step(Span<float> parameters, ReadOnlySpan<float> gradient, double learningRate, float gradientScale = 1f, params ReadOnlySpan<Range> parts)
    {
        if (parameters.Length != _count || gradient.Length != _count)
        {
            throw new ArgumentException($"The optimizer holds {_count} parameters; got {parameters.Length} with {gradient.Length} gradients.");
        }

        Vector512<float> step = Vector512.Create((float)-learningRate);
        Vector512<float> decay = Vector512.Create((float)_settings.WeightDecay);
        Vector512<float> momentum = Vector512.Create((float)_settings.Momentum);
        Vector512<float> scale = Vector512.Create(gradientScale);
        fixed (float* p = parameters, g = gradient, b = _momentum)
        {
            foreach (Range part in parts.IsEmpty ? [Range.All] : parts)
            {
                int first = part.Start.GetOffset(parameters.Length);
                int end = part.End.GetOffset(parameters.Length);
                for (int i = first; i < end; i += Lanes.Width)
                {
                    int count = end - i;
                    Vector512<float> value = Lanes.Load(p + i, count);
                    Vector512<float> move = (Lanes.Load(g + i, count) * scale) + (decay * value);
                    if (b is not null)
                    {
                        move = (momentum * Lanes.Load(b + i, count)) + move;
                        Lanes.Store(move, b + i, count);
                    }

                    Lanes.Store(value + (step * move), p + i, count);
                }
            }
        }
    }
}
