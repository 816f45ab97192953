namespace FedLLM.Federation.Sampling;

/// <summary>
/// The part of Python's <c>random.Random</c> that sampling without replacement needs, bit for bit: MT19937 (Matsumoto and Nishimura, ACM TOMACS 8(1), 1998),
/// seeded by <c>init_by_array</c> from a non-negative integer below 2^32, and CPython's <c>_randbelow_with_getrandbits</c> and <c>sample</c>.
/// </summary>
internal sealed class PythonRandom
{
    private const int StateSize = 624;
    private const int Middle = 397;

    private readonly uint[] _state = new uint[StateSize];
    private int _next = StateSize;

    /// <summary>Seeds the generator as <c>random.seed(seed)</c> does.</summary>
    public PythonRandom(uint seed)
    {
        Fill(19650218);

        // init_by_array with the one-word key [seed].
        int i = 1;
        for (int k = 0; k < StateSize; k++)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1664525)) + seed;
            i = Advance(i);
        }

        for (int k = 0; k < StateSize - 1; k++)
        {
            _state[i] = (_state[i] ^ ((_state[i - 1] ^ (_state[i - 1] >> 30)) * 1566083941)) - (uint)i;
            i = Advance(i);
        }

        _state[0] = 0x8000_0000;
    }

    /// <summary>Returns <c>random.sample(range(population), count)</c>, in its order. Costs O(count).</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="count"/> is negative or above <paramref name="population"/>.</exception>
    public int[] Sample(int population, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, population);
        return population <= LargestPool(count) ? SampleFromPool(population, count) : SampleByRejection(population, count);
    }

    /// <summary>Returns the next 32 bits.</summary>
    internal uint NextBits()
    {
        if (_next == StateSize)
        {
            Twist();
        }

        uint y = _state[_next++];
        y ^= y >> 11;
        y ^= (y << 7) & 0x9D2C_5680;
        y ^= (y << 15) & 0xEFC6_0000;
        return y ^ (y >> 18);
    }

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

    private void Fill(uint seed)
    {
        _state[0] = seed;
        for (int i = 1; i < StateSize; i++)
        {
            _state[i] = (1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }
    }

    private int Advance(int i)
    {
        if (++i < StateSize)
        {
            return i;
        }

        _state[0] = _state[StateSize - 1];
        return 1;
    }

    private void Twist()
    {
        for (int k = 0; k < StateSize; k++)
        {
            uint y = (_state[k] & 0x8000_0000) | (_state[(k + 1) % StateSize] & 0x7FFF_FFFF);
            _state[k] = _state[(k + Middle) % StateSize] ^ (y >> 1) ^ ((y & 1) * 0x9908_B0DF);
        }

        _next = 0;
    }
}
