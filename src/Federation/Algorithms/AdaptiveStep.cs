using FedLLM.Numerics;

namespace FedLLM.Federation.Algorithms;

/// <summary>What the adaptive server optimizers have in common. Products and roots are taken in float64 and stored in float32.</summary>
internal static class AdaptiveStep
{
    /// <summary>The server state's name of the first moment.</summary>
    public const string FirstMoment = "m";

    /// <summary>The server state's name of the second moment.</summary>
    public const string SecondMoment = "v";

    /// <summary>
    /// Returns m^t = β₁ m^{t-1} + (1 - β₁) D. At the first step m^{t-1} is zero, but OpenFedLLM takes D itself.
    /// </summary>
    public static TensorSet NextFirst(IReadOnlyDictionary<string, TensorSet> state, TensorSet delta, double beta1, bool firstIsDelta)
    {
        TensorSet? last = state.GetValueOrDefault(FirstMoment);
        TensorSet next = delta.Clone();
        if (last is not null || !firstIsDelta)
        {
            for (int i = 0; i < next.Values.Length; i++)
            {
                next.Values[i] = (float)((beta1 * (last?.Values[i] ?? 0)) + ((1 - beta1) * delta.Values[i]));
            }
        }

        return next;
    }

    /// <summary>Returns v^t = rule(v^{t-1}, x²); before the first step v is <paramref name="initial"/>.</summary>
    public static TensorSet NextSecond(IReadOnlyDictionary<string, TensorSet> state, TensorSet x, double initial, Func<double, double, double> rule)
    {
        TensorSet? last = state.GetValueOrDefault(SecondMoment);
        var next = new TensorSet(x.Layout);
        for (int i = 0; i < next.Values.Length; i++)
        {
            double square = (double)x.Values[i] * x.Values[i];
            next.Values[i] = (float)rule(last?.Values[i] ?? (float)initial, square);
        }

        return next;
    }

    /// <summary>Returns w + η m / (√v + τ).</summary>
    public static TensorSet Move(TensorSet adapter, TensorSet m, TensorSet v, double learningRate, double tau)
    {
        TensorSet next = adapter.Clone();
        for (int i = 0; i < next.Values.Length; i++)
        {
            next.Values[i] = (float)(next.Values[i] + (learningRate * m.Values[i] / (Math.Sqrt(v.Values[i]) + tau)));
        }

        return next;
    }

    /// <summary>Returns both moments by name.</summary>
    public static IReadOnlyDictionary<string, TensorSet> State(TensorSet m, TensorSet v) =>
        new Dictionary<string, TensorSet> { [FirstMoment] = m, [SecondMoment] = v };
}
