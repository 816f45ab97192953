using FedLLM.Engine.Training;

namespace FedLLM.Engine.Tests.Training;

public sealed class OptimizerTests
{
    [Theory]
    [InlineData(0.0, 1f)]
    [InlineData(0.1, 1f)]
    [InlineData(0.01, 0.25f)]
    public void Step_AgainstScalarTwin_AgreesOverTwentySteps(double decay, float scale)
    {
        const int Count = 37; // two vectors and a tail
        var optimizer = new AdamW(Count, new AdamWSettings(WeightDecay: decay));
        float[] parameters = [.. Enumerable.Range(0, Count).Select(i => 0.1f * (i - 18))];
        double[] p = [.. parameters.Select(v => (double)v)];
        var m = new double[Count];
        var v = new double[Count];
        for (int step = 1; step <= 20; step++)
        {
            float[] gradient = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin((i * 0.7f) + step))];
            optimizer.Step(parameters, gradient, 1e-2, scale);
            for (int i = 0; i < Count; i++)
            {
                double g = scale * gradient[i];
                p[i] *= 1 - (1e-2 * decay);
                m[i] = (0.9 * m[i]) + (0.1 * g);
                v[i] = (0.999 * v[i]) + (0.001 * g * g);
                p[i] -= 1e-2 * (m[i] / (1 - Math.Pow(0.9, step))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.999, step))) + 1e-8);
                Assert.Equal(p[i], parameters[i], 2e-5);
            }
        }
    }

    [Fact]
    public void Step_FirstStepByHand_MovesByTheLearningRate()
    {
        // m̂ = g and √v̂ = |g| at t = 1, so p moves by lr·g/(|g| + ε): here 0.1 against the sign.
        float[] parameters = [1f, 1f, 1f];
        new AdamW(3, new AdamWSettings()).Step(parameters, [4f, -0.5f, 0f], 0.1);
        Assert.Equal(0.9f, parameters[0], 1e-6f);
        Assert.Equal(1.1f, parameters[1], 1e-6f);
        Assert.Equal(1f, parameters[2]);
    }

    [Fact]
    public void Reset_AfterSteps_StartsOver()
    {
        var optimizer = new AdamW(1, new AdamWSettings());
        float[] first = [1f];
        optimizer.Step(first, [3f], 0.1);
        optimizer.Reset();
        float[] second = [1f];
        optimizer.Step(second, [3f], 0.1);
        Assert.Equal(first, second);
        Assert.Equal(1, optimizer.Steps);
    }

    [Fact]
    public void Step_WrongLength_IsRefused()
        => Assert.Throws<ArgumentException>(() => new AdamW(2, new AdamWSettings()).Step(new float[2], new float[3], 0.1));

    [Theory]
    [InlineData(3.0, 4.0, 10.0, 1.0)] // norm 5 is below the limit
    [InlineData(3.0, 4.0, 2.5, 0.5)]
    [InlineData(3.0, 4.0, 0.0, 1.0)] // no clipping
    public void Factor_ByHand_IsTheRatio(double a, double b, double limit, double expected)
    {
        double norm = GradientClip.Norm([(float)a, (float)b]);
        Assert.Equal(5.0, norm, 1e-12);
        Assert.Equal(expected, GradientClip.Factor(norm, limit), 1e-6);
    }

    [Fact]
    public void Sgd_WithMomentumAndDecay_FollowsPyTorch()
    {
        // g' = g + λp; b = g' first, then μb + g'; p = p - lr·b, by hand over three steps.
        var optimizer = new Sgd(1, new SgdSettings(Momentum: 0.9, WeightDecay: 0.1));
        float[] p = [2f];
        double byHand = 2;
        double buffer = 0;
        foreach (float g in (float[])[1f, -0.5f, 0.25f])
        {
            optimizer.Step(p, [g], 0.1);
            buffer = (0.9 * buffer) + g + (0.1 * byHand);
            byHand -= 0.1 * buffer;
            Assert.Equal(byHand, p[0], 1e-6);
        }

        optimizer.Reset();
        p[0] = 2f;
        optimizer.Step(p, [1f], 0.1);
        Assert.Equal(2 - (0.1 * 1.2), p[0], 1e-6);
    }

    [Theory]
    [InlineData(0.0, 0.0, 1f)]
    [InlineData(0.9, 0.0, 0.5f)]
    [InlineData(0.8, 0.05, 0.25f)]
    public void Sgd_AgainstScalarTwin_AgreesOverTwentySteps(double momentum, double decay, float scale)
    {
        const int Count = 37; // two vectors and a tail
        var optimizer = new Sgd(Count, new SgdSettings(momentum, decay));
        float[] parameters = [.. Enumerable.Range(0, Count).Select(i => 0.1f * (i - 18))];
        double[] p = [.. parameters.Select(v => (double)v)];
        var b = new double[Count];
        for (int step = 1; step <= 20; step++)
        {
            float[] gradient = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin((i * 0.7f) + step))];
            optimizer.Step(parameters, gradient, 1e-2, scale);
            for (int i = 0; i < Count; i++)
            {
                b[i] = (momentum * b[i]) + (scale * gradient[i]) + (decay * p[i]);
                p[i] -= 1e-2 * b[i];
                Assert.Equal(p[i], parameters[i], 2e-6);
            }
        }
    }

    public static TheoryData<OptimizerSettings> EveryOptimizer => new(new AdamWSettings(WeightDecay: 0.1), new SgdSettings(), new SgdSettings(0.9, 0.1));

    [Theory]
    [MemberData(nameof(EveryOptimizer))]
    public void Step_Parts_HaveTheBitsOfAWholeStepAndTheOthersRest(OptimizerSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        const int Count = 57;
        Range[] parts = [0..3, 9..10, 20..53]; // shorter and longer than a vector, none at its boundary
        IOptimizer whole = settings.Create(Count);
        IOptimizer some = settings.Create(Count);
        float[] start = [.. Enumerable.Range(0, Count).Select(i => 0.1f * (i - 18))];
        float[] expected = [.. start];
        float[] parameters = [.. start];
        for (int step = 1; step <= 4; step++)
        {
            float[] gradient = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin((i * 0.7f) + step))];
            whole.Step(expected, gradient, 1e-2, 0.5f);
            some.Step(parameters, gradient, 1e-2, 0.5f, parts);
        }

        int[] stepped = [.. Enumerable.Range(0, Count).Where(i => parts.Any(p => i >= p.Start.Value && i < p.End.Value))];
        Assert.All(Enumerable.Range(0, Count), i => Assert.Equal(stepped.Contains(i) ? expected[i] : start[i], parameters[i]));
    }

    [Fact]
    public void Sgd_Plain_SubtractsTheScaledGradient()
    {
        var optimizer = new Sgd(3, new SgdSettings());
        float[] p = [1f, 2f, 3f];
        optimizer.Step(p, [1f, -1f, 0f], 0.5, gradientScale: 0.5f);
        Assert.Equal([0.75f, 2.25f, 3f], p);
        Assert.Throws<ArgumentException>(() => optimizer.Step(p, [1f], 0.5));
    }
}
