using FedLLM.Numerics;

namespace FedLLM.Evaluation.Statistics;

/// <summary>An interval of a measure.</summary>
/// <param name="Low">Its lower end.</param>
/// <param name="High">Its upper end.</param>
public readonly record struct Interval(double Low, double High);

/// <summary>The percentile bootstrap (Efron, 1979): how far a mean would move with other samples of the same population.</summary>
public static class Bootstrap
{
    /// <summary>Resamples drawn.</summary>
    public const int Resamples = 10_000;

    /// <summary>Seed of the draws: the interval of the same values is always the same.</summary>
    public const ulong Seed = 2023;

    /// <summary>
    /// Returns the central 95 % interval of the means of <see cref="Resamples"/> resamples, each of as many values drawn with replacement: the means of ranks
    /// 0.025 R + 1 and 0.975 R in ascending order.
    /// </summary>
    /// <param name="values">The values, at least one.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no value.</exception>
    public static Interval OfMean(ReadOnlySpan<double> values)
    {
        ArgumentOutOfRangeException.ThrowIfZero(values.Length);
        var means = new double[Resamples];
        for (int resample = 0; resample < Resamples; resample++)
        {
            var random = new CounterRandom(Seed, RandomPurpose.Resampling, step: resample);
            ulong position = 0;
            double sum = 0;
            for (int i = 0; i < values.Length; i++)
            {
                sum += values[(int)random.Below((uint)values.Length, ref position)];
            }

            means[resample] = sum / values.Length;
        }

        means.AsSpan().Sort();
        return new Interval(means[Resamples / 40], means[Resamples - (Resamples / 40) - 1]);
    }
}
