using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FedLLM.Numerics;

/// <summary>What a random stream is for. Streams of different purposes never share a draw. The numbers are part of a run's identity: append, never renumber.</summary>
public enum RandomPurpose
{
    /// <summary>Initial values of full-parameter models.</summary>
    ModelInitialization = 1,

    /// <summary>Initial values of LoRA's A.</summary>
    LoraInitialization = 2,

    /// <summary>LoRA's dropout masks.</summary>
    Dropout = 3,

    /// <summary>Which clients form a round's cohort.</summary>
    CohortSampling = 4,

    /// <summary>Which samples a client trains on in a round.</summary>
    DataSampling = 5,

    /// <summary>How a dataset is cut into shards.</summary>
    Partition = 6,

    /// <summary>Sampled generation.</summary>
    Generation = 7,

    /// <summary>Synthetic data made by the project itself.</summary>
    DataGeneration = 8,

    /// <summary>How simulated clients behave: availability, speed, drop-out.</summary>
    ClientSimulation = 9,

    /// <summary>Bootstrap resamples of an evaluation.</summary>
    Resampling = 20,

    /// <summary>Which of a client's samples are held out.</summary>
    HeldOut = 21,
}

/// <summary>
/// A counter-based random stream: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// A draw is a pure function of (seed, purpose, round, client, step, position), so it depends neither on the order of draws nor on the thread that asks.
/// </summary>
/// <remarks>The key is (seed, purpose) folded to 64 bits by SplitMix64's finaliser, as are round, client and step; the counter is that fold and the position.</remarks>
public readonly struct CounterRandom
{
    private readonly uint _key0;
    private readonly uint _key1;
    private readonly uint _stream0;
    private readonly uint _stream1;

    /// <summary>Opens the stream of one purpose, optionally of one round, client and step.</summary>
    public CounterRandom(ulong seed, RandomPurpose purpose, long round = 0, long client = 0, long step = 0)
    {
        ulong key = Mix(seed ^ Mix((ulong)purpose + 0x9E3779B97F4A7C15UL));
        ulong stream = Mix(Mix(Mix((ulong)round + 0x9E3779B97F4A7C15UL) ^ (ulong)client) ^ (ulong)step);
        _key0 = (uint)key;
        _key1 = (uint)(key >> 32);
        _stream0 = (uint)stream;
        _stream1 = (uint)(stream >> 32);
    }

    /// <summary>Returns the 32 uniform bits at <paramref name="position"/>.</summary>
    public uint Bits(ulong position)
    {
        ulong block = position >> 2;
        var (x0, x1, x2, x3) = Block(block);
        return (uint)(position & 3) switch
        {
            0 => x0,
            1 => x1,
            2 => x2,
            _ => x3,
        };
    }

    /// <summary>
    /// Draws the blocks <paramref name="block"/> … block + 7 at once: lane l of <paramref name="low"/> is word 0 of block l, lane 8 + l its word 1;
    /// <paramref name="high"/> holds words 2 and 3 likewise. Word j of block b is what <see cref="Bits"/> returns at position 4·b + j.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void EightBlocks(ulong block, out Vector512<uint> low, out Vector512<uint> high)
    {
        // 32-bit words in 64-bit lanes, so that a product keeps both its halves.
        Vector512<ulong> mask = Vector512.Create(0xFFFFFFFFUL);
        Vector512<ulong> counter = Vector512.Create(block) + Vector512<ulong>.Indices;
        Vector512<ulong> x0 = counter & mask;
        Vector512<ulong> x1 = counter >>> 32;
        Vector512<ulong> x2 = Vector512.Create((ulong)_stream0);
        Vector512<ulong> x3 = Vector512.Create((ulong)_stream1);
        Vector512<ulong> factor0 = Vector512.Create(0xD2511F53UL);
        Vector512<ulong> factor1 = Vector512.Create(0xCD9E8D57UL);
        uint k0 = _key0;
        uint k1 = _key1;
        for (int round = 0; round < 10; round++)
        {
            Vector512<ulong> p0 = Product(x0, factor0);
            Vector512<ulong> p1 = Product(x2, factor1);
            x0 = (p1 >>> 32) ^ x1 ^ Vector512.Create((ulong)k0);
            x1 = p1 & mask;
            x2 = (p0 >>> 32) ^ x3 ^ Vector512.Create((ulong)k1);
            x3 = p0 & mask;
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }

        low = Vector512.Narrow(x0, x1);
        high = Vector512.Narrow(x2, x3);
    }

    /// <summary>Returns a float32 uniform on [0, 1) with 24 random bits.</summary>
    public float Uniform(ulong position) => (Bits(position) >> 8) * (1f / (1 << 24));

    /// <summary>Returns a float64 uniform on [0, 1) with 53 random bits, from the two words at 2·position and 2·position + 1.</summary>
    public double UniformDouble(ulong position)
    {
        ulong high = Bits(2 * position);
        ulong low = Bits((2 * position) + 1);
        return (((high << 32) | low) >> 11) * (1.0 / (1UL << 53));
    }

    /// <summary>Returns an integer uniform on [0, <paramref name="bound"/>), by rejection, from the words at <paramref name="position"/> on, which it advances.</summary>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bound"/> is zero.</exception>
    public uint Below(uint bound, ref ulong position)
    {
        ArgumentOutOfRangeException.ThrowIfZero(bound);
        uint mask = uint.MaxValue >> BitOperations.LeadingZeroCount((bound - 1) | 1);
        uint value;
        do
        {
            value = Bits(position++) & mask;
        }
        while (value >= bound);
        return value;
    }

    /// <summary>Shuffles <paramref name="items"/> in place (Fisher-Yates from the end).</summary>
    public void Shuffle<T>(Span<T> items)
    {
        ulong position = 0;
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = (int)Below((uint)i + 1, ref position);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>Philox4x32 with ten rounds: the block of counter (x0, x1, x2, x3) under key (k0, k1).</summary>
    internal static (uint X0, uint X1, uint X2, uint X3) Philox(uint x0, uint x1, uint x2, uint x3, uint k0, uint k1)
    {
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * x0;
            ulong p1 = 0xCD9E8D57UL * x2;
            (x0, x1, x2, x3) = ((uint)(p1 >> 32) ^ x1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9U;
            k1 += 0xBB67AE85U;
        }

        return (x0, x1, x2, x3);
    }

    // The product of 32-bit numbers in 64-bit lanes: exact either way. The factor comes as a vector, and the caller is never compiled unoptimized:
    // .NET 10.0's unoptimized code for Avx512F.Multiply of a vector made in the same expression returns zeros.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Product(Vector512<ulong> x, Vector512<ulong> factor) =>
        Avx512F.IsSupported ? Avx512F.Multiply(x.AsUInt32(), factor.AsUInt32()) : x * factor;

    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }

    private (uint X0, uint X1, uint X2, uint X3) Block(ulong block) =>
        Philox((uint)block, (uint)(block >> 32), _stream0, _stream1, _key0, _key1);
}
