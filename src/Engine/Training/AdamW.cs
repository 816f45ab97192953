using System.Runtime.Intrinsics;
using FedLLM.Engine.Kernels;

namespace FedLLM.Engine.Training;

/// <summary>AdamW's constants.</summary>
/// <param name="Beta1">Decay of the first moment, in [0, 1).</param>
/// <param name="Beta2">Decay of the second moment, in [0, 1).</param>
/// <param name="Epsilon">Added to the root of the second moment, positive.</param>
/// <param name="WeightDecay">Decoupled weight decay, not negative.</param>
public sealed record AdamWSettings(double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8, double WeightDecay = 0.0) : OptimizerSettings
{
    /// <inheritdoc/>
    public override IOptimizer Create(int count) => new AdamW(count, this);
}

/// <summary>
/// AdamW (Loshchilov and Hutter, 2019, alg. 2) as PyTorch computes it:
/// p ← p·(1 - lr·λ); m ← m + (1-β₁)(g - m); v ← β₂·v + (1-β₂)·g²; p ← p - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + ε).
/// </summary>
public sealed unsafe class AdamW : IOptimizer
{
    private readonly AdamWSettings _settings;
    private readonly float[] _first;
    private readonly float[] _second;

    /// <summary>Makes a fresh optimizer for a flat buffer of <paramref name="count"/> parameters.</summary>
    public AdamW(int count, AdamWSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        _settings = settings;
        _first = new float[count];
        _second = new float[count];
    }

    /// <summary>Steps taken since the last reset.</summary>
    public int Steps { get; private set; }

    /// <inheritdoc/>
    public void Reset()
    {
        Array.Clear(_first);
        Array.Clear(_second);
        Steps = 0;
    }

    /// <inheritdoc/>
    public void Step(Span<float> parameters, ReadOnlySpan<float> gradient, double learningRate, float gradientScale = 1f, params ReadOnlySpan<Range> parts)
    {
        if (parameters.Length != _first.Length || gradient.Length != _first.Length)
        {
            throw new ArgumentException($"The optimizer holds {_first.Length} parameters; got {parameters.Length} with {gradient.Length} gradients.");
        }

        Steps++;
        double correction1 = 1.0 - Power(_settings.Beta1, Steps);
        double correction2 = Math.Sqrt(1.0 - Power(_settings.Beta2, Steps));
        Vector512<float> decay = Vector512.Create((float)(1.0 - (learningRate * _settings.WeightDecay)));
        Vector512<float> blend1 = Vector512.Create((float)(1.0 - _settings.Beta1));
        Vector512<float> beta2 = Vector512.Create((float)_settings.Beta2);
        Vector512<float> blend2 = Vector512.Create((float)(1.0 - _settings.Beta2));
        Vector512<float> step = Vector512.Create((float)(-learningRate / correction1));
        Vector512<float> root = Vector512.Create((float)correction2);
        Vector512<float> epsilon = Vector512.Create((float)_settings.Epsilon);
        Vector512<float> scale = Vector512.Create(gradientScale);
        fixed (float* p = parameters, g = gradient, m = _first, v = _second)
        {
            foreach (Range part in parts.IsEmpty ? [Range.All] : parts)
            {
                int start = part.Start.GetOffset(parameters.Length);
                int end = part.End.GetOffset(parameters.Length);
                for (int i = start; i < end; i += Lanes.Width)
                {
                    int count = end - i;
                    Vector512<float> slope = Lanes.Load(g + i, count) * scale;
                    Vector512<float> first = Lanes.Load(m + i, count);
                    first += blend1 * (slope - first);
                    Vector512<float> second = (Lanes.Load(v + i, count) * beta2) + (blend2 * slope * slope);
                    Vector512<float> denominator = (Vector512.Sqrt(second) / root) + epsilon;
                    Lanes.Store(first, m + i, count);
                    Lanes.Store(second, v + i, count);
                    Lanes.Store((Lanes.Load(p + i, count) * decay) + (step * (first / denominator)), p + i, count);
                }
            }
        }
    }

    // Repeated multiplication: the same bits on every platform, unlike the C library's pow.
    private static double Power(double x, int exponent)
    {
        double result = 1.0;
        for (double square = x; exponent > 0; exponent >>= 1, square *= square)
        {
            if ((exponent & 1) != 0)
            {
                result *= square;
            }
        }

        return result;
    }
}
