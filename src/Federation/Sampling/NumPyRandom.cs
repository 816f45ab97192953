using System.Numerics;

namespace FedLLM.Federation.Sampling;

/// <summary>
/// The part of NumPy's legacy <c>numpy.random</c> that sampling without replacement needs, bit for bit: MT19937 seeded by <c>init_genrand</c>, its
/// masked rejection, and <c>permutation</c> of a range.
/// </summary>
internal sealed class NumPyRandom
{
    private readonly MersenneTwister _bits;

    /// <summary>Seeds the generator as <c>numpy.random.seed(seed)</c> does.</summary>
    public NumPyRandom(uint seed) => _bits = MersenneTwister.FromSeed(seed);

    /// <summary>
    /// Returns <c>numpy.random.choice(numpy.arange(population), count, replace=False)</c>, in its order: the start of a permutation of all. Costs O(population).
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or above <paramref name="population"/>.</exception>
    public int[] Choice(int population, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, population);
        int[] items = [.. Enumerable.Range(0, population)];
        for (int i = population - 1; i > 0; i--)
        {
            int j = (int)UpTo((uint)i);
            (items[i], items[j]) = (items[j], items[i]);
        }

        return items[..count];
    }

    // Uniform on 0 … largest: the bits under the largest's mask, drawn again while above it.
    private uint UpTo(uint largest)
    {
        uint mask = uint.MaxValue >> BitOperations.LeadingZeroCount(largest);
        uint value;
        do
        {
            value = _bits.Next() & mask;
        }
        while (value > largest);
        return value;
    }
}
