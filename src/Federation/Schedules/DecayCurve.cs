using FedLLM.Numerics;

namespace FedLLM.Federation.Schedules;

/// <summary>How a learning rate falls.</summary>
public enum DecayShape
{
    /// <summary>Half a cosine.</summary>
    Cosine,

    /// <summary>A straight line.</summary>
    Linear,
}

/// <summary>
/// A learning rate that falls from η_0 towards a floor m over T rounds or steps, t = 0 … T - 1, after a linear warm-up of W of them:
/// η_0 (t + 1) / (W + 1) for t below W; then, with p = (t - W) / (T - W), m + ½ (η_0 - m)(1 + cos(π p)) or m + (η_0 - m)(1 - p).
/// With W = 0 the cosine is OpenFedLLM's. The last value stays above the floor; from t = T on it is the floor.
/// </summary>
/// <remarks>Deviation from transformers, whose warm-up η_0 t / W begins with a step of rate 0: here no step is without effect. At t = W both have η_0.</remarks>
public sealed class DecayCurve
{
    private readonly DecayShape _shape;
    private readonly double _initial;
    private readonly double _floor;
    private readonly int _count;
    private readonly int _warmup;

    /// <summary>Fixes the curve.</summary>
    /// <param name="shape">How it falls.</param>
    /// <param name="initial">η_0, the largest learning rate.</param>
    /// <param name="floor">m, from 0 to <paramref name="initial"/>.</param>
    /// <param name="count">T, at least 1.</param>
    /// <param name="warmup">W, from 0 to below T.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range or not finite.</exception>
    public DecayCurve(DecayShape shape, double initial, double floor, int count, int warmup = 0)
    {
        if (!double.IsFinite(initial) || initial < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(initial), initial, "A learning rate is finite and not negative.");
        }

        if (!(floor >= 0 && floor <= initial))
        {
            throw new ArgumentOutOfRangeException(nameof(floor), floor, $"The floor lies from 0 to the initial learning rate, {initial}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(warmup);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(warmup, count);
        (_shape, _initial, _floor, _count, _warmup) = (shape, initial, floor, count, warmup);
    }

    /// <summary>Returns the learning rate at <paramref name="t"/>, from 0.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="t"/> is negative.</exception>
    public double At(int t)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(t);
        if (t < _warmup)
        {
            return _initial * (t + 1) / (_warmup + 1);
        }

        int passed = Math.Min(t, _count) - _warmup;
        int length = _count - _warmup;
        return _shape == DecayShape.Cosine
            ? _floor + (0.5 * (_initial - _floor) * (1 + ScalarMath.Cos(Math.PI * passed / length)))
            : _floor + ((_initial - _floor) * (length - passed) / length);
    }
}

/// <summary>A curve over rounds: round r has its value at t = r - 1.</summary>
public sealed class DecayByRound(DecayCurve curve) : ILearningRateSchedule
{
    /// <inheritdoc/>
    public double At(int round)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        return curve.At(round - 1);
    }
}
