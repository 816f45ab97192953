namespace FedLLM.Federation.Sampling;

/// <summary>MT19937 (Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998) with both of its seedings: what Python's and NumPy's draws are made of.</summary>
internal sealed class MersenneTwister
{
    private const int StateSize = 624;
    private const int Middle = 397;

    private readonly uint[] _state = new uint[StateSize];
    private int _next = StateSize;

    private MersenneTwister(uint seed)
    {
        _state[0] = seed;
        for (int i = 1; i < StateSize; i++)
        {
            _state[i] = (1812433253 * (_state[i - 1] ^ (_state[i - 1] >> 30))) + (uint)i;
        }
    }

    /// <summary>Seeds by <c>init_genrand</c>.</summary>
    public static MersenneTwister FromSeed(uint seed) => new(seed);

    /// <summary>Seeds by <c>init_by_array</c> with a key of one word.</summary>
    public static MersenneTwister FromKey(uint key)
    {
        var twister = new MersenneTwister(19650218);
        uint[] state = twister._state;
        int i = 1;
        for (int k = 0; k < StateSize; k++)
        {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1664525)) + key;
            i = twister.Advance(i);
        }

        for (int k = 0; k < StateSize - 1; k++)
        {
            state[i] = (state[i] ^ ((state[i - 1] ^ (state[i - 1] >> 30)) * 1566083941)) - (uint)i;
            i = twister.Advance(i);
        }

        state[0] = 0x8000_0000;
        return twister;
    }

    /// <summary>Returns the next 32 bits.</summary>
    public uint Next()
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
