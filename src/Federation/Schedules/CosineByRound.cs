using FedLLM.Numerics;

namespace FedLLM.Federation.Schedules;

/// <summary>
/// OpenFedLLM's cosine over rounds: with t = round - 1 and T rounds, η_t = m + ½ (η_0 - m)(1 + cos(π t / T)). The last round stays above the floor m;
/// rounds beyond T stay at it.
/// </summary>
public sealed class CosineByRound : ILearningRateSchedule
{
    private readonly double _initial;
    private readonly double _floor;
    private readonly int _rounds;

    /// <summary>Fixes the curve.</summary>
    /// <param name="initial">η_0, the learning rate of round 1.</param>
    /// <param name="floor">m, from 0 to <paramref name="initial"/>.</param>
    /// <param name="rounds">T, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range or not finite.</exception>
    public CosineByRound(double initial, double floor, int rounds)
    {
        if (!double.IsFinite(initial) || initial < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(initial), initial, "A learning rate is finite and not negative.");
        }

        if (!(floor >= 0 && floor <= initial))
        {
            throw new ArgumentOutOfRangeException(nameof(floor), floor, $"The floor lies from 0 to the initial learning rate, {initial}.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        _initial = initial;
        _floor = floor;
        _rounds = rounds;
    }

    /// <inheritdoc/>
    public double At(int round)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        int t = Math.Min(round - 1, _rounds);
        return _floor + (0.5 * (_initial - _floor) * (1 + ScalarMath.Cos(Math.PI * t / _rounds)));
    }
}
