namespace FedLLM.Dashboard.Charts;

/// <summary>Round numbers along an axis.</summary>
public static class Ticks
{
    // From here on, not every whole number is one of a double.
    private const double Exact = 1L << 53;

    private static readonly double[] Decimal = [1, 2, 5, 10];
    private static readonly double[] Binary = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
    private static readonly double[] Clock = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

    /// <summary>Returns multiples of one step that lie from <paramref name="low"/> to <paramref name="high"/>: about <paramref name="wanted"/>, never more than twice that.</summary>
    public static IReadOnlyList<double> Between(double low, double high, int wanted, ValueKind kind)
    {
        if (!(high > low) || !double.IsFinite(high - low))
        {
            return double.IsFinite(low) ? [low] : [];
        }

        double step = Step(0.75 * (high - low) / wanted, kind);
        if (Math.Max(Math.Abs(low), Math.Abs(high)) / step >= Exact)
        {
            // The ends differ in their last bits alone, and counting on by one would stand still.
            return [low];
        }

        var ticks = new List<double>();
        for (double at = Math.Ceiling((low / step) - 1e-9); at * step <= high + (step * 1e-9); at++)
        {
            ticks.Add((at * step) + 0.0); // never -0
        }

        return ticks;
    }

    private static double Step(double least, ValueKind kind)
    {
        double step = kind switch
        {
            ValueKind.Bytes when least > 1 => Math.Pow(1024, Math.Floor(Math.Log(least, 1024))) is var unit ? unit * Binary.First(b => b * unit >= least * 0.999) : 0,
            ValueKind.Seconds when least is > 1 and <= 86400 => Clock.First(c => c >= least * 0.999),
            _ => Math.Pow(10, Math.Floor(Math.Log10(least))) is var unit ? unit * Decimal.First(d => d * unit >= least * 0.999) : 0,
        };
        return kind == ValueKind.Count ? Math.Max(1, step) : step;
    }
}
