namespace FedLLM.Federation.Schedules;

/// <summary>The same learning rate in every round.</summary>
public sealed class ConstantLearningRate : ILearningRateSchedule
{
    private readonly double _rate;

    /// <summary>Fixes the learning rate.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rate"/> is negative or not finite.</exception>
    public ConstantLearningRate(double rate)
    {
        if (!double.IsFinite(rate) || rate < 0)
        {
            throw new ArgumentOutOfRangeException(nameof(rate), rate, "A learning rate is finite and not negative.");
        }

        _rate = rate;
    }

    /// <inheritdoc/>
    public double At(int round)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(round, 1);
        return _rate;
    }
}
