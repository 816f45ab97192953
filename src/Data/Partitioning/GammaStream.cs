using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Draws logarithms of gamma variates, with the same bits on every platform: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
/// </summary>
internal struct GammaStream(CounterRandom random)
{
    private readonly CounterRandom _random = random;
    private ulong _position;

    /// <summary>Returns log g, g ~ Gamma(shape, 1).</summary>
    /// <remarks>
    /// With d = shape - 1/3 and c = 1/√(9d): v = (1 + c·x)³ for x standard normal is accepted where log u &lt; x²/2 + d - d·v + d·log v, and g = d·v.
    /// Below shape 1: g = g' · u^(1/shape) with g' of shape + 1, which underflows for a small shape, hence the logarithm.
    /// </remarks>
    public double NextLog(double shape)
    {
        if (shape < 1)
        {
            double rest = ScalarMath.Log(NextUniform()) / shape;
            return NextLog(shape + 1) + rest;
        }

        double d = shape - (1.0 / 3.0);
        double c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = NextNormal();
            double root = 1 + (c * x);
            if (root <= 0)
            {
                continue;
            }

            double logV = 3 * ScalarMath.Log(root);
            double v = root * root * root;
            if (ScalarMath.Log(NextUniform()) < (0.5 * x * x) + d - (d * v) + (d * logV))
            {
                return ScalarMath.Log(d) + logV;
            }
        }
    }

    /// <summary>Uniform on (0, 1].</summary>
    private double NextUniform() => 1 - _random.UniformDouble(_position++);

    /// <summary>Marsaglia's polar method, one of its two values.</summary>
    private double NextNormal()
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
