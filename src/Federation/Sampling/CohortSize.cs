namespace FedLLM.Federation.Sampling;

/// <summary>How many clients a round samples.</summary>
public static class CohortSize
{
    /// <summary>Returns FedIT's max(int(fraction · clients), 1): rounded down, one at least.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="fraction"/> is not in (0, 1], or <paramref name="clients"/> is below 1.</exception>
    public static int OfFraction(double fraction, int clients)
    {
        if (!(fraction > 0 && fraction <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(fraction), fraction, "The sampled fraction is above 0 and at most 1.");
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(clients, 1);
        return Math.Max((int)(fraction * clients), 1);
    }
}
