using FedLLM.Numerics;

namespace FedLLM.Data.Partitioning;

/// <summary>
/// Draws logarithms of gamma variates, with the same bits on every platform: Marsaglia and Tsang, "A simple method for generating gamma variables", 2000.
/// </summary>
internal struct GammaStream(CounterRandom random)
{
    private NormalStream _random = new(random);

    /// <summary>Returns log g, g ~ Gamma(shape, 1).</summary>
    /// <remarks>
    /// With d = shape - 1/3 and c = 1/√(9d): v = (1 + c·x)³ for x standard normal is accepted where log u &lt; x²/2 + d - d·v + d·log v, and g = d·v.
    /// Below shape 1: g = g' · u^(1/shape) with g' of shape + 1, which underflows for a small shape, hence the logarithm.
    /// </remarks>
    public double NextLog(double shape)
    {
        if (shape < 1)
        {
            double rest = ScalarMath.Log(_random.NextUniform()) / shape;
            return NextLog(shape + 1) + rest;
        }

        double d = shape - (1.0 / 3.0);
        double c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = _random.Next();
            double root = 1 + (c * x);
            if (root <= 0)
            {
                continue;
            }

            double logV = 3 * ScalarMath.Log(root);
            double v = root * root * root;
            if (ScalarMath.Log(_random.NextUniform()) < (0.5 * x * x) + d - (d * v) + (d * logV))
            {
                return ScalarMath.Log(d) + logV;
            }
        }
    }
}
