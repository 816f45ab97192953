namespace FedLLM.Federation.Schedules;

/// <summary>The clients' learning rate, round by round.</summary>
public interface ILearningRateSchedule
{
    /// <summary>Returns the learning rate of <paramref name="round"/> (from 1); the formulas use t = round - 1.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="round"/> is below 1.</exception>
    double At(int round);
}
