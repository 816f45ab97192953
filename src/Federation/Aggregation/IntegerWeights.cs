namespace FedLLM.Federation.Aggregation;

/// <summary>Turns aggregation weights into the 24-bit integers that fixed-point sums use.</summary>
/// <remarks>
/// Weights that are all integers of at most 2^24 - 1 stay as they are. Any others are multiplied by one power of two 2^k, the largest for which
/// the greatest weight still rounds to at most 2^24 - 1, and rounded to the nearest integer (ties to even), to 1 at least. The greatest weight
/// then lies in [2^23, 2^24): every weight is off by at most 2^-24 of the greatest, and weights whose ratios fit in 24 bits stay exact.
/// The result depends on the set of weights only, not on their order.
/// </remarks>
public static class IntegerWeights
{
    /// <summary>The largest integer weight: 2^24 - 1. Its product with a float32 is exact in float64.</summary>
    public const int Largest = (1 << 24) - 1;

    /// <summary>Returns the integer weights, 1 … <see cref="Largest"/>, in the order given.</summary>
    /// <exception cref="ArgumentException">There is no weight, or one is not positive and finite.</exception>
    public static int[] Quantize(IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (weights.Count == 0)
        {
            throw new ArgumentException("There are no weights.", nameof(weights));
        }

        double greatest = 0;
        bool exact = true;
        foreach (double weight in weights)
        {
            if (!double.IsFinite(weight) || weight <= 0)
            {
                throw new ArgumentException($"The weight {weight} is not positive and finite.", nameof(weights));
            }

            greatest = Math.Max(greatest, weight);
            exact &= weight <= Largest && weight == Math.Floor(weight);
        }

        int exponent = exact ? 0 : 23 - Math.ILogB(greatest);
        if (!exact && Math.Round(Math.ScaleB(greatest, exponent)) > Largest)
        {
            exponent--;
        }

        var integers = new int[weights.Count];
        for (int i = 0; i < integers.Length; i++)
        {
            integers[i] = Math.Max(1, (int)Math.Round(Math.ScaleB(weights[i], exponent)));
        }

        return integers;
    }
}
