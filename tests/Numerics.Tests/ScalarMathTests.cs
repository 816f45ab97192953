namespace FedLLM.Numerics.Tests;

/// <summary>The platform's libm (itself within 1 ulp) is the reference, so 2 ulp here allow 1 of our own beyond it.</summary>
public sealed class ScalarMathTests
{
    private const int Points = 50_000;
    private static readonly CounterRandom Draws = new(11, RandomPurpose.DataGeneration);

    [Fact]
    public void Exp_OverTheWholeRange_AgreesWithLibm() => AssertClose(ScalarMath.Exp, Math.Exp, i => Between(i, -746, 710));

    [Fact]
    public void Exp_SmallArguments_AgreesWithLibm() => AssertClose(ScalarMath.Exp, Math.Exp, i => Between(i, -1, 1));

    [Fact]
    public void Log_OverAllBinades_AgreesWithLibm() => AssertClose(ScalarMath.Log, Math.Log, i => PositiveDouble(i));

    [Fact]
    public void Log_NearOne_AgreesWithLibm() => AssertClose(ScalarMath.Log, Math.Log, i => Between(i, 0.5, 2));

    [Fact]
    public void SinAndCos_RopeAngles_AgreeWithLibm()
    {
        double[] limits = [1, 10, 1e3, 1e6, ScalarMath.MaxAngle];
        foreach (double limit in limits)
        {
            AssertClose(ScalarMath.Sin, Math.Sin, i => Between(i, -limit, limit));
            AssertClose(ScalarMath.Cos, Math.Cos, i => Between(i, -limit, limit));
        }
    }

    [Fact]
    public void SinAndCos_NextToMultiplesOfHalfPi_AgreeWithLibm()
    {
        AssertClose(ScalarMath.Sin, Math.Sin, i => (i - (Points / 2)) * (Math.PI / 2));
        AssertClose(ScalarMath.Cos, Math.Cos, i => (i - (Points / 2)) * (Math.PI / 2));
        AssertClose(ScalarMath.Sin, Math.Sin, i => i);
        AssertClose(ScalarMath.Cos, Math.Cos, i => i);
    }

    [Fact]
    public void Pow_GeneralArguments_AgreesWithLibm()
    {
        AssertClose(i => ScalarMath.Pow(Between(i, 0, 10), Between(i + Points, -300, 300)), i => Math.Pow(Between(i, 0, 10), Between(i + Points, -300, 300)), i => i);
        AssertClose(i => ScalarMath.Pow(PositiveDouble((int)i), Between(i, -1, 1)), i => Math.Pow(PositiveDouble((int)i), Between(i, -1, 1)), i => i);
        AssertClose(i => ScalarMath.Pow(10000, -2.0 * (i % 128) / 128), i => Math.Pow(10000, -2.0 * (i % 128) / 128), i => i);
        AssertClose(i => ScalarMath.Pow(0.999, i), i => Math.Pow(0.999, i), i => i);
    }

    [Fact]
    public void Pow_SpecialValues_AreThoseOfLibm()
    {
        double[] values =
        [
            0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1e300, -1e300, 1e-300, 5e-324, 9007199254740993, 4503599627370497,
            double.PositiveInfinity, double.NegativeInfinity, double.NaN,
        ];
        foreach (double x in values)
        {
            foreach (double y in values)
            {
                double expected = Math.Pow(x, y);
                double actual = ScalarMath.Pow(x, y);
                bool same = double.IsNaN(expected)
                    ? double.IsNaN(actual)
                    : double.IsNegative(expected) == double.IsNegative(actual) && Ulp.Steps(expected, actual) <= 2;
                Assert.True(same, $"pow({x:R}, {y:R}) is {expected:R}, not {actual:R}.");
            }
        }
    }

    [Fact]
    public void ExpAndLog_SpecialValues_AreThoseOfIeee()
    {
        Assert.Equal(0, ScalarMath.Exp(double.NegativeInfinity));
        Assert.Equal(double.PositiveInfinity, ScalarMath.Exp(double.PositiveInfinity));
        Assert.Equal(1, ScalarMath.Exp(0));
        Assert.True(double.IsNaN(ScalarMath.Exp(double.NaN)));
        Assert.Equal(double.NegativeInfinity, ScalarMath.Log(0));
        Assert.Equal(double.PositiveInfinity, ScalarMath.Log(double.PositiveInfinity));
        Assert.Equal(0, ScalarMath.Log(1));
        Assert.True(double.IsNaN(ScalarMath.Log(-1)));
    }

    [Fact]
    public void SinAndCos_OutsideTheRange_Throw()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => ScalarMath.Sin(1e10));
        Assert.Throws<ArgumentOutOfRangeException>(() => ScalarMath.Cos(-1e10));
        Assert.True(double.IsNaN(ScalarMath.Sin(double.PositiveInfinity)));
        Assert.True(double.IsNaN(ScalarMath.Cos(double.NaN)));
    }

    private static double Between(double i, double from, double to) => from + ((to - from) * Draws.UniformDouble((ulong)i));

    private static double PositiveDouble(int i) =>
        BitConverter.UInt64BitsToDouble((((ulong)Draws.Bits(2 * (ulong)i) << 32) | Draws.Bits((2 * (ulong)i) + 1)) % 0x7FF0000000000000UL);

    private static void AssertClose(Func<double, double> actual, Func<double, double> expected, Func<int, double> argument)
    {
        for (int i = 0; i < Points; i++)
        {
            double x = argument(i);
            double e = expected(x);
            double a = actual(x);
            Assert.True(Ulp.Steps(e, a) <= 2, $"At {x:R}: expected {e:R}, got {a:R}.");
        }
    }
}
