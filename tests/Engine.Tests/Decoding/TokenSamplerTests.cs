using FedLLM.Engine.Decoding;
using FedLLM.Numerics;

namespace FedLLM.Engine.Tests.Decoding;

/// <summary>Each draw against the distribution that the rules give, computed here by sorting pairs in float64.</summary>
public sealed class TokenSamplerTests
{
    private static readonly float[] Logits = [1f, 3f, 2f, 3f, -1f, float.NegativeInfinity, 0f];

    [Fact]
    public void Choose_Greedy_TakesTheLowestIdOfTheLargest() => Assert.Equal(1, new TokenSampler(new GenerationSettings(1)).Choose(Logits, 0.99));

    [Theory]
    [InlineData(1, 1.0, new[] { 1, 3 })] // equal to the k-th stays
    [InlineData(2, 1.0, new[] { 1, 3 })]
    [InlineData(3, 1.0, new[] { 1, 2, 3 })]
    [InlineData(100, 1.0, new[] { 0, 1, 2, 3, 4, 6 })]
    [InlineData(0, 1e-9, new[] { 1 })] // at least one; of equals the lower id
    [InlineData(0, 0.38, new[] { 1 })] // e³, e³, e², e, 1, 1/e over their sum 51.646: p(1) = p(3) = 0.3889, p(2) = 0.1431
    [InlineData(0, 0.39, new[] { 1, 3 })]
    [InlineData(0, 0.77, new[] { 1, 3 })]
    [InlineData(0, 0.78, new[] { 1, 2, 3 })]
    [InlineData(3, 0.85, new[] { 1, 2, 3 })] // among the k, p(1) + p(3) = 0.8446
    [InlineData(3, 0.84, new[] { 1, 3 })]
    public void Choose_TopKThenTopP_DrawsFromTheKeptAlone(int topK, double topP, int[] kept)
    {
        var sampler = new TokenSampler(new GenerationSettings(1, 1) { TopK = topK, TopP = topP });
        var seen = new SortedSet<int>();
        for (int i = 0; i < 5000; i++)
        {
            seen.Add(sampler.Choose(Logits, (i + 0.5) / 5000));
        }

        Assert.Equal(kept, seen);
    }

    [Fact]
    public void Choose_RandomLogits_FollowsTheRulesDistribution()
    {
        var random = new CounterRandom(11, RandomPurpose.DataGeneration);
        ulong position = 0;
        for (int trial = 0; trial < 60; trial++)
        {
            int count = 1 + (int)random.Below(40, ref position);
            float[] logits = [.. Enumerable.Range(0, count).Select(_ => MathF.Round(8 * random.Uniform(position++), 1) - 4)]; // ties are common
            var settings = new GenerationSettings(1, 0.3 + (2 * random.Uniform(position++))) { TopK = (int)random.Below(12, ref position), TopP = 0.05 + (0.95 * random.Uniform(position++)) };
            double[] expected = Distribution(logits, settings);
            var sampler = new TokenSampler(settings);
            double cumulative = 0;
            for (int id = 0; id < count; id++)
            {
                // Inverting the cumulative distribution: the middle of every token's interval gives it.
                if (expected[id] > 1e-9)
                {
                    Assert.Equal(id, sampler.Choose(logits, cumulative + (expected[id] / 2)));
                }

                cumulative += expected[id];
            }
        }
    }

    [Fact]
    public void Choose_TinyTemperature_IsGreedy() =>
        Assert.Equal(2, new TokenSampler(new GenerationSettings(1, 1e-300) { TopP = 0.9 }).Choose([1f, 2f, 2.0001f], 0.5));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Choose_LogitThatIsNoNumber_IsRefused(float logit)
    {
        foreach (double temperature in new[] { 0.0, 1.0 })
        {
            Assert.Throws<ArithmeticException>(() => new TokenSampler(new GenerationSettings(1, temperature)).Choose([0f, logit, 1f], 0.5));
            Assert.Throws<ArithmeticException>(() => new TokenSampler(new GenerationSettings(1, temperature)).Choose([float.NegativeInfinity, float.NegativeInfinity], 0.5));
        }
    }

    // Temperature, then top-k (ties kept), then top-p over what is left: transformers' warpers, written out.
    private static double[] Distribution(float[] logits, GenerationSettings settings)
    {
        (double Score, int Id)[] ranked = [.. logits.Select((l, id) => (l / settings.Temperature, id)).OrderByDescending(t => logits[t.id]).ThenBy(t => t.id)];
        if (settings.TopK > 0 && settings.TopK < ranked.Length)
        {
            ranked = [.. ranked.Where(t => logits[t.Id] >= logits[ranked[settings.TopK - 1].Id])];
        }

        double[] weights = [.. ranked.Select(t => Math.Exp(t.Score - ranked[0].Score))];
        double total = weights.Sum();
        double before = 0;
        var kept = new double[logits.Length];
        for (int i = 0; i < ranked.Length; i++)
        {
            kept[ranked[i].Id] = before / total < settings.TopP ? weights[i] : 0;
            before += weights[i];
        }

        double sum = kept.Sum();
        return [.. kept.Select(w => w / sum)];
    }
}
