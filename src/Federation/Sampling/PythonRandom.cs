namespace FedLLM.Federation.Sampling;

/// <summary>
/// The part of Python's <c>random.Random</c> that sampling without replacement needs, bit for bit: MT19937 seeded by <c>init_by_array</c> from a non-negative
/// integer below 2^32, and CPython's <c>_randbelow_with_getrandbits</c> and <c>sample</c>.
/// </summary>
internal sealed class PythonRandom
{
    private readonly MersenneTwister _bits;

    /// <summary>Seeds the generator as <c>random.seed(seed)</c> does.</summary>
    public PythonRandom(uint seed) => _bits = MersenneTwister.FromKey(seed);

    /// <summary>Returns <c>random.sample(range(population), count)</c>, in its order. Costs O(count).</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or above <paramref name="population"/>.</exception>
    public int[] Sample(int population, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, population);
        return population <= LargestPool(count) ? SampleFromPool(population, count) : SampleByRejection(population, count);
    }

    /// <summary>Returns the next 32 bits.</summary>
    internal uint NextBits() => _bits.Next();

    // CPython's guess of when a list is smaller than a set: 21, and for count > 5 the power of four not below 3 · count besides.
    private static long LargestPool(int count)
    {
        long size = 21;
        if (count > 5)
        {
            long power = 1;
            while (power < 3L * count)
            {
                power *= 4;
            }

            size += power;
        }

        return size;
    }

    private int[] SampleFromPool(int population, int count)
    {
        int[] pool = [.. Enumerable.Range(0, population)];
        var result = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j = Below(population - i);
            result[i] = pool[j];
            pool[j] = pool[population - i - 1];
        }

        return result;
    }

    private int[] SampleByRejection(int population, int count)
    {
        var selected = new HashSet<int>(count);
        var result = new int[count];
        for (int i = 0; i < count; i++)
        {
            int j;
            do
            {
                j = Below(population);
            }
            while (!selected.Add(j));
            result[i] = j;
        }

        return result;
    }

    private int Below(int bound)
    {
        // bit_length of the bound itself, not of bound - 1.
        int dropped = System.Numerics.BitOperations.LeadingZeroCount((uint)bound);
        uint value;
        do
        {
            value = NextBits() >> dropped;
        }
        while (value >= (uint)bound);
        return (int)value;
    }
}
