namespace FedLLM.Numerics;

/// <summary>
/// Double-precision elementary functions of our own, made only of operations that IEEE 754 fixes to the last bit (+, -, ×, ÷, fma, bit moves),
/// because the platforms' libm differ. Each is within 2 ulp of the exact value on the range it states.
/// </summary>
/// <remarks>Exp, Log, Sin and Cos follow fdlibm (Sun Microsystems 1993; e_exp.c, e_log.c, k_sin.c, k_cos.c); the reductions and Pow use fma and two-double arithmetic.</remarks>
public static class ScalarMath
{
    /// <summary>The greatest magnitude <see cref="Sin"/> and <see cref="Cos"/> accept, in radians: 2^30.</summary>
    public const double MaxAngle = 1073741824.0;

    private const double Log2E = 1.44269504088896338700e+00;
    private const double Ln2High = 6.93147180369123816490e-01;
    private const double Ln2Low = 1.90821492927058770002e-10;

    // ln 2 as the sum of two doubles.
    private const double Ln2 = 0.6931471805599453;
    private const double Ln2Rest = 2.3190468138462996e-17;

    // π/2 as the sum of three doubles.
    private const double HalfPi1 = 1.5707963267948966;
    private const double HalfPi2 = 6.123233995736766e-17;
    private const double HalfPi3 = -1.4973849048591833e-33;

    /// <summary>Returns e^x.</summary>
    /// <remarks>e^-∞ = 0, e^+∞ = +∞, overflow (above 709.78) gives +∞, underflow rounds through the denormals to 0, NaN gives NaN.</remarks>
    public static double Exp(double x)
    {
        if (double.IsNaN(x))
        {
            return x;
        }

        if (x > 709.782712893383973096)
        {
            return double.PositiveInfinity;
        }

        if (x < -745.2)
        {
            return 0;
        }

        double n = RoundToEven(x * Log2E);
        double high = Math.FusedMultiplyAdd(-n, Ln2High, x);
        double low = n * Ln2Low;
        double r = high - low;
        double t = r * r;
        double c = r - (t * (1.66666666666666019037e-01 + (t * (-2.77777777770155933842e-03
            + (t * (6.61375632143793436117e-05 + (t * (-1.65339022054652515390e-06 + (t * 4.13813679705723846039e-08)))))))));
        double y = 1 - (low - (r * c / (2 - c)) - high);
        return Scale(y, (int)n);
    }

    /// <summary>Returns the natural logarithm.</summary>
    /// <remarks>log 0 = -∞ (either sign), log +∞ = +∞, a negative argument or NaN gives NaN.</remarks>
    public static double Log(double x)
    {
        if (double.IsNaN(x) || x < 0)
        {
            return double.NaN;
        }

        if (x == 0)
        {
            return double.NegativeInfinity;
        }

        if (double.IsPositiveInfinity(x))
        {
            return x;
        }

        (double m, int k) = Decompose(x);
        double f = m - 1;
        double halfSquare = 0.5 * f * f;
        double s = f / (2 + f);
        double z = s * s;
        double w = z * z;
        double even = w * (3.999999999940941908e-01 + (w * (2.222219843214978396e-01 + (w * 1.531383769920937332e-01))));
        double odd = z * (6.666666666666735130e-01 + (w * (2.857142874366239149e-01
            + (w * (1.818357216161805012e-01 + (w * 1.479819860511658591e-01))))));
        return (s * (halfSquare + (even + odd))) + (k * Ln2Low) - halfSquare + f + (k * Ln2High);
    }

    /// <summary>Returns log σ(x) = -log(1 + e⁻ˣ), accurate in both tails: about -e⁻ˣ for large x, about x for large -x.</summary>
    public static double LogSigmoid(double x)
    {
        // log(1 + e) as e · log(u)/(u - 1) with u = 1 + e rounded (Goldberg, 1991, theorem 4).
        double e = Exp(-Math.Abs(x));
        double u = 1 + e;
        double log = u == 1 ? e : e * (Log(u) / (u - 1));
        return Math.Min(x, 0) - log;
    }

    /// <summary>Returns x^y.</summary>
    /// <remarks>
    /// e^(y·log x) with log x and the product in two doubles. Special cases as IEEE 754 pow: x^0 = 1 and 1^y = 1 even for NaN;
    /// a negative x needs an integral y, else NaN; (±0)^y and (±∞)^y by sign and parity of y.
    /// </remarks>
    public static double Pow(double x, double y)
    {
        if (y == 0 || x == 1)
        {
            return 1;
        }

        if (double.IsNaN(x) || double.IsNaN(y))
        {
            return double.NaN;
        }

        double magnitude = Math.Abs(x);
        if (double.IsInfinity(y))
        {
            bool grows = (magnitude > 1) == (y > 0);
            return magnitude == 1 ? 1 : grows ? double.PositiveInfinity : 0;
        }

        bool integral = y == Math.Truncate(y);
        double half = y * 0.5;
        bool odd = integral && half != Math.Truncate(half);
        double sign = double.IsNegative(x) && odd ? -1 : 1;
        if (magnitude == 0 || double.IsPositiveInfinity(magnitude))
        {
            return sign * ((magnitude == 0) == (y > 0) ? 0 : double.PositiveInfinity);
        }

        if (x < 0 && !integral)
        {
            return double.NaN;
        }

        (double logHigh, double logLow) = LogPair(magnitude);
        double high = y * logHigh;
        if (Math.Abs(high) > 800)
        {
            return sign * (high > 0 ? double.PositiveInfinity : 0);
        }

        double low = Math.FusedMultiplyAdd(y, logHigh, -high) + (y * logLow);
        double e = Exp(high);
        return sign * (double.IsInfinity(e) ? e : Math.FusedMultiplyAdd(e, low, e));
    }

    /// <summary>Returns the sine of an angle in radians, |x| at most <see cref="MaxAngle"/>; NaN and ±∞ give NaN.</summary>
    /// <exception cref="ArgumentOutOfRangeException">|x| is finite and exceeds <see cref="MaxAngle"/>.</exception>
    public static double Sin(double x)
    {
        if (!double.IsFinite(x))
        {
            return double.NaN;
        }

        int quadrant = ReduceAngle(x, out double r, out double rest);
        return Turn(quadrant, r, rest);
    }

    /// <summary>Returns the cosine of an angle in radians, |x| at most <see cref="MaxAngle"/>; NaN and ±∞ give NaN.</summary>
    /// <exception cref="ArgumentOutOfRangeException">|x| is finite and exceeds <see cref="MaxAngle"/>.</exception>
    public static double Cos(double x)
    {
        if (!double.IsFinite(x))
        {
            return double.NaN;
        }

        int quadrant = ReduceAngle(x, out double r, out double rest);
        return Turn(quadrant + 1, r, rest);
    }

    // Sine of r + rest + quadrant·π/2.
    private static double Turn(int quadrant, double r, double rest)
    {
        double value = (quadrant & 1) == 0 ? SinNearZero(r, rest) : CosNearZero(r, rest);
        return (quadrant & 2) == 0 ? value : -value;
    }

    // x = n·π/2 + r + rest. The first fma is exact: x - n·HalfPi1 is a multiple of the ulp of its operands and below 2^53 of them.
    private static int ReduceAngle(double x, out double r, out double rest)
    {
        if (Math.Abs(x) > MaxAngle)
        {
            throw new ArgumentOutOfRangeException(nameof(x), x, $"The angle must not exceed {MaxAngle} radians in magnitude.");
        }

        double n = RoundToEven(x * 0.63661977236758134308);
        double first = Math.FusedMultiplyAdd(-n, HalfPi1, x);
        double product = n * HalfPi2;
        double productRest = Math.FusedMultiplyAdd(n, HalfPi2, -product);
        (double sum, double sumRest) = TwoSum(first, -product);
        double tail = sumRest - productRest - (n * HalfPi3);
        r = sum + tail;
        rest = (sum - r) + tail;
        return (int)((long)n & 3);
    }

    private static double SinNearZero(double x, double rest)
    {
        double z = x * x;
        double v = z * x;
        double r = 8.33333333332248946124e-03 + (z * (-1.98412698298579493134e-04
            + (z * (2.75573137070700676789e-06 + (z * (-2.50507602534068634195e-08 + (z * 1.58969099521155010221e-10)))))));
        return x - ((z * ((0.5 * rest) - (v * r))) - rest - (v * -1.66666666666666324348e-01));
    }

    private static double CosNearZero(double x, double rest)
    {
        double z = x * x;
        double w = z * z;
        double r = (z * (4.16666666666666019037e-02 + (z * (-1.38888888888741095749e-03 + (z * 2.48015872894767294178e-05)))))
            + (w * w * (-2.75573143513906633035e-07 + (z * (2.08757232129817482790e-09 + (z * -1.13596475577881948265e-11)))));
        double halfSquare = 0.5 * z;
        double head = 1 - halfSquare;
        return head + ((1 - head - halfSquare) + ((z * r) - (x * rest)));
    }

    // log x for a positive finite x as an unevaluated sum, good to about 2^-68 relative: 2·atanh(s) with s = (m - 1) / (m + 1),
    // where the first two terms of the series after 1, s²/3 and s⁴/5, are also carried in two doubles.
    private static (double High, double Low) LogPair(double x)
    {
        (double m, int k) = Decompose(x);
        double numerator = m - 1;
        (double denominator, double denominatorRest) = TwoSum(m, 1);
        double s = numerator / denominator;
        double sRest = (Math.FusedMultiplyAdd(-s, denominator, numerator) - (s * denominatorRest)) / denominator;
        double z = s * s;
        double zRest = Math.FusedMultiplyAdd(s, s, -z) + (2 * s * sRest);

        double tail = 1.0 / 27;
        for (int odd = 25; odd >= 7; odd -= 2)
        {
            tail = Math.FusedMultiplyAdd(tail, z, 1.0 / odd);
        }

        // 1/5 and 1/3 as two doubles; p = 1/3 + z·(1/5 + z·tail).
        (double p, double pRest) = AddPair(0.2, -1.1102230246251565e-17, z * tail, Math.FusedMultiplyAdd(z, tail, -(z * tail)));
        (p, pRest) = MultiplyPair(p, pRest, z, zRest);
        (p, pRest) = AddPair(1.0 / 3, 1.850371707708594e-17, p, pRest);
        (p, pRest) = MultiplyPair(p, pRest, z, zRest);
        (p, pRest) = MultiplyPair(p, pRest, s, sRest);
        (p, pRest) = AddPair(s, sRest, p, pRest);
        double kHigh = k * Ln2;
        return AddPair(kHigh, Math.FusedMultiplyAdd(k, Ln2, -kHigh) + (k * Ln2Rest), 2 * p, 2 * pRest);
    }

    private static (double High, double Low) TwoSum(double a, double b)
    {
        double sum = a + b;
        double part = sum - a;
        return (sum, (a - (sum - part)) + (b - part));
    }

    private static (double High, double Low) AddPair(double a, double aRest, double b, double bRest)
    {
        (double sum, double rest) = TwoSum(a, b);
        rest += aRest + bRest;
        double high = sum + rest;
        return (high, (sum - high) + rest);
    }

    private static (double High, double Low) MultiplyPair(double a, double aRest, double b, double bRest)
    {
        double product = a * b;
        double rest = Math.FusedMultiplyAdd(a, b, -product) + ((a * bRest) + (aRest * b));
        double high = product + rest;
        return (high, (product - high) + rest);
    }

    // x = m·2^k with m in [√½, √2), for a positive finite x.
    private static (double Mantissa, int Exponent) Decompose(double x)
    {
        int k = 0;
        if (x < 2.2250738585072014e-308)
        {
            x *= 18014398509481984.0;
            k = -54;
        }

        long bits = BitConverter.DoubleToInt64Bits(x) + (0x3FF0000000000000L - 0x3FE6A09E667F3BCDL);
        k += (int)(bits >> 52) - 1023;
        return (BitConverter.Int64BitsToDouble((bits & 0x000FFFFFFFFFFFFFL) + 0x3FE6A09E667F3BCDL), k);
    }

    // y·2^n for y in [½, 2] and n in [-1080, 1024], rounded once.
    private static double Scale(double y, int n)
    {
        int half = n >> 1;
        return y * PowerOfTwo(half) * PowerOfTwo(n - half);
    }

    private static double PowerOfTwo(int n) => BitConverter.Int64BitsToDouble((long)(n + 1023) << 52);

    // Half to even for |x| below 2^51, by the addition of 1.5·2^52.
    private static double RoundToEven(double x) => x + 6755399441055744.0 - 6755399441055744.0;
}
