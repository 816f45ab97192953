using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>Draws standard normal and uniform variates from one stream, with the same bits on every platform.</summary>
internal struct NormalStream(CounterRandom random)
{
    private readonly CounterRandom _random = random;
    private ulong _position;

    /// <summary>Returns a uniform variate on (0, 1].</summary>
    public double NextUniform() => 1 - _random.UniformDouble(_position++);

    /// <summary>Returns a standard normal variate: Marsaglia's polar method, one of its two values.</summary>
    public double Next()
    {
        while (true)
        {
            double a = (2 * NextUniform()) - 1;
            double b = (2 * NextUniform()) - 1;
            double s = (a * a) + (b * b);
            if (s is > 0 and < 1)
            {
                return a * Math.Sqrt(-2 * ScalarMath.Log(s) / s);
            }
        }
    }
}
