using FedLLM.Federation.Algorithms;
using FedLLM.Numerics;

namespace FedLLM.Federation.Tests.Algorithms;

/// <summary>
/// Two steps of every adaptive algorithm by every convention, against the formulas written out. The numbers are binary fractions whose roots are exact, so that
/// the expected values can be followed by hand: D = 1/2, then 1/4; β₁ = 1/2, β₂ = 3/4; τ = 1/2; η = 1.
/// </summary>
public sealed class ConventionTests
{
    private const double D1 = 0.5;
    private const double D2 = 0.25;
    private const double B1 = 0.5;
    private const double B2 = 0.75;
    private const double Tau = 0.5;
    private const double Tolerance = 1e-6;

    private static readonly AdaptiveSettings Numbers = new() { LearningRate = 1, Tau = Tau, Beta1 = B1, Beta2 = B2 };

    [Theory]
    [InlineData(Convention.OpenFedLlm)]
    [InlineData(Convention.Reddi)]
    [InlineData(Convention.Flower)]
    public void FedAdam_TwoSteps_FollowTheConvention(Convention convention)
    {
        // m: 1/2 then 3/8 where D starts it; 1/4 and 1/4 from zero. v: 1/4 (τ²) or 0, then 3/4 v + 1/4 of m² or D².
        bool open = convention == Convention.OpenFedLlm;
        bool flower = convention == Convention.Flower;
        double[] m = open ? [0.5, 0.375] : [0.25, 0.25];
        double v1 = ((flower ? 0 : 0.25) * 0.75) + (0.25 * 0.25);
        double v2 = (v1 * 0.75) + (0.25 * (open ? 0.375 * 0.375 : 0.0625));

        // Flower's rate in rounds 1 and 2: √(1 - β₂²) / (1 - β₁²) = √(7/16) / (3/4), √(1 - β₂³) / (1 - β₁³) = √(37/64) / (7/8).
        double[] rate = flower ? [Math.Sqrt(7.0 / 16) / 0.75, Math.Sqrt(37.0 / 64) / 0.875] : [1, 1];
        RequireSteps(new FedAdam(convention, Numbers), m, [v1, v2], rate, flower);
    }

    [Theory]
    [InlineData(Convention.OpenFedLlm)]
    [InlineData(Convention.Reddi)]
    [InlineData(Convention.Flower)]
    public void FedYogi_TwoSteps_FollowTheConvention(Convention convention)
    {
        // The sign: v - x² is 0 at the first step from τ² (v stays), negative from Flower's 0 (v grows by x²/4), then as it falls.
        bool open = convention == Convention.OpenFedLlm;
        bool flower = convention == Convention.Flower;
        double[] m = open ? [0.5, 0.375] : [0.25, 0.25];
        double v1 = flower ? 0.0625 : 0.25;
        double square = open ? 0.140625 : 0.0625;
        double v2 = v1 > square ? v1 - (0.25 * square) : v1; // Flower: v = x² = 1/16, sign 0
        RequireSteps(new FedYogi(convention, Numbers), m, [v1, v2], [1, 1], flower);
    }

    [Theory]
    [InlineData(Convention.OpenFedLlm)]
    [InlineData(Convention.Reddi)]
    [InlineData(Convention.Flower)]
    public void FedAdagrad_TwoSteps_FollowTheConvention(Convention convention)
    {
        bool flower = convention == Convention.Flower;
        double[] m = convention == Convention.OpenFedLlm ? [D1, D2] : [0.25, 0.25];
        double v1 = (flower ? 0 : 0.25) + 0.25;
        RequireSteps(new FedAdagrad(convention, Numbers), m, [v1, v1 + 0.0625], [1, 1], flower);
    }

    [Fact]
    public void FedYogi_SecondMomentBelowTheSquare_Grows()
    {
        // v = τ² = 1/4, D = 1: v - D² < 0, so v = 1/4 + 1/4 · 1.
        ServerStep step = new FedYogi(Convention.Reddi, Numbers).Step(0, Set(0), new MeanUpdate(Set(1), 1), new Dictionary<string, TensorSet>());
        Assert.Equal(0.5f, step.State["v"].Values[0]);
    }

    [Theory]
    [InlineData(Convention.OpenFedLlm, 1, new[] { 0.5, 0.375 })] // m = 1/2; 1/2 · 1/2 + 1/2 · 1/4
    [InlineData(Convention.Reddi, 0.5, new[] { 0.5, 0.5 })] // m = 1/2; 1/2 · 1/2 + 1/4
    [InlineData(Convention.Flower, 0.5, new[] { 0.5, 0.5 })]
    public void FedAvgM_TwoSteps_FollowTheConvention(Convention convention, double rate, double[] m)
    {
        var optimizer = new FedAvgM(convention, B1, rate);
        Assert.Equal(MemberWeighting.Samples, optimizer.Weighting);
        TensorSet adapter = Set(2);
        IReadOnlyDictionary<string, TensorSet> state = new Dictionary<string, TensorSet>();
        double w = 2;
        for (int t = 0; t < 2; t++)
        {
            ServerStep step = optimizer.Step(t, adapter, new MeanUpdate(Set(t == 0 ? D1 : D2), 3), state);
            w += rate * m[t];
            Assert.Equal(m[t], step.State["m"].Values[0], Tolerance);
            Assert.Equal(w, step.Adapter.Values[0], Tolerance);
            (adapter, state) = (step.Adapter, step.State);
        }
    }

    [Fact]
    public void Scaffold_TwoSteps_MovesTheControlVariateByTheShareOfAllClients()
    {
        // C = 8 clients, K = 2 members, mean control deltas 1 and 1/2: c = 2/8 · 1, then + 2/8 · 1/2.
        var optimizer = new Scaffold(8);
        ServerStep first = optimizer.Step(0, Set(1), new MeanUpdate(Set(0.5), 2) { ControlDelta = Set(1) }, new Dictionary<string, TensorSet>());
        ServerStep second = optimizer.Step(1, first.Adapter, new MeanUpdate(Set(0.25), 2) { ControlDelta = Set(0.5) }, first.State);
        Assert.Equal([1.5f, 1.75f], [first.Adapter.Values[0], second.Adapter.Values[0]]);
        Assert.Equal([0.25f, 0.375f], [first.State["c"].Values[0], second.State["c"].Values[0]]);
        Assert.True(optimizer.Client.UsesControlVariates);
        Assert.Throws<ArgumentException>(() => optimizer.Step(0, Set(1), new MeanUpdate(Set(0), 1), first.State));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Scaffold(0));
    }

    [Fact]
    public void ControlVariates_OneClientsRound_FollowsOptionTwo()
    {
        // c = 3/4, c_i = 1/4: correction 1/2. Two steps at η = 1/8, each -η · 1/2; w^t - w_i = 1, so c_i+ = 1 / (2 · 1/8) - 1/2 = 7/2.
        TensorSet correction = ControlVariates.Correction(Set(0).Layout, Set(0.75), Set(0.25));
        Assert.Equal(0.5f, correction.Values[0]);
        float[] parameters = [1f];
        ControlVariates.Apply(parameters, correction, 0.125);
        Assert.Equal(1 - 0.0625f, parameters[0]);
        Assert.Equal(3.5f, ControlVariates.Next(Set(-1), correction, 2 * 0.125).Values[0]);
        Assert.Equal(0f, ControlVariates.Correction(Set(0).Layout, null, null).Values[0]);
        Assert.Throws<ArgumentException>(() => ControlVariates.Correction(new TensorLayout([("x", [1])]), Set(1), null));
    }

    [Fact]
    public void ControlVariates_RatesThatFallWithinARound_MakeTheMeanGradientByRate()
    {
        // Plain SGD from p = 0 with gradients 2, then 6, at the rates 1/2, then 1/4, and the correction 1/2 after each step. All of it is exact in float32.
        TensorSet correction = ControlVariates.Correction(Set(0).Layout, Set(0.75), Set(0.25));
        float[] parameters = [0f];
        foreach ((float gradient, float rate) in new[] { (2f, 0.5f), (6f, 0.25f) })
        {
            parameters[0] -= rate * gradient;
            ControlVariates.Apply(parameters, correction, rate);
        }

        // (1/2 · 2 + 1/4 · 6) / (1/2 + 1/4) = 10/3, whatever the correction was.
        Assert.Equal((float)(10.0 / 3), ControlVariates.Next(Set(parameters[0]), correction, 0.5 + 0.25).Values[0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => ControlVariates.Next(Set(1), correction, 0));
    }

    [Fact]
    public void Defaults_OfEveryConvention_AreThoseOfItsSource()
    {
        var openFedLlm = new AdaptiveSettings { LearningRate = 1e-3, Tau = 1e-3, Beta1 = 0.9, Beta2 = 0.99 };
        foreach (Convention convention in new[] { Convention.OpenFedLlm, Convention.Reddi })
        {
            Assert.Equal(openFedLlm, FedAdam.Defaults(convention));
            Assert.Equal(openFedLlm, FedYogi.Defaults(convention));
            Assert.Equal(openFedLlm with { Beta1 = 0 }, FedAdagrad.Defaults(convention));
        }

        Assert.Equal(openFedLlm with { LearningRate = 0.1 }, FedAdam.Defaults(Convention.Flower));
        Assert.Equal(openFedLlm with { LearningRate = 0.01 }, FedYogi.Defaults(Convention.Flower));
        Assert.Equal(openFedLlm with { LearningRate = 0.1, Beta1 = 0 }, FedAdagrad.Defaults(Convention.Flower));
    }

    [Fact]
    public void Settings_OutOfRange_AreAllNamed()
    {
        var settings = new AdaptiveSettings { LearningRate = 0, Tau = double.NaN, Beta1 = 1, Beta2 = -0.1 };
        Assert.Equal(4, settings.Problems().Count);
        foreach (Func<IServerOptimizer> make in new Func<IServerOptimizer>[]
        {
            () => new FedAdam(Convention.Reddi, settings), () => new FedYogi(Convention.Reddi, settings), () => new FedAdagrad(Convention.Reddi, settings),
        })
        {
            string message = Assert.Throws<ArgumentException>(() => make()).Message;
            Assert.All(new[] { "LearningRate is 0", "Tau is NaN", "Beta1 is 1", "Beta2 is -0.1" }, p => Assert.Contains(p, message));
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => new FedAvgM(Convention.Flower, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FedAvgM(Convention.Flower, 0.5, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new FedAvgM(Convention.OpenFedLlm, 0.5, 0.5));
    }

    private static void RequireSteps(IServerOptimizer optimizer, double[] m, double[] v, double[] rate, bool weighted)
    {
        Assert.Equal(weighted ? MemberWeighting.Samples : MemberWeighting.Equal, optimizer.Weighting);
        Assert.False(optimizer.AddsTheMean);
        TensorSet adapter = Set(2);
        IReadOnlyDictionary<string, TensorSet> state = new Dictionary<string, TensorSet>();
        double w = 2;
        for (int t = 0; t < 2; t++)
        {
            ServerStep step = optimizer.Step(t, adapter, new MeanUpdate(Set(t == 0 ? D1 : D2), 3), state);
            w += rate[t] * m[t] / (Math.Sqrt(v[t]) + Tau);
            Assert.Equal(v[t], step.State["v"].Values[0], Tolerance);
            Assert.Equal(m[t], step.State.TryGetValue("m", out TensorSet? moment) ? moment.Values[0] : m[t], Tolerance);
            Assert.Equal(w, step.Adapter.Values[0], Tolerance);
            (adapter, state) = (step.Adapter, step.State);
        }
    }

    private static TensorSet Set(double value) => new(new TensorLayout([("w", [1])]), [(float)value]);
}
