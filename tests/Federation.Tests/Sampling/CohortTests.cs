using FedLLM.Federation.Sampling;

namespace FedLLM.Federation.Tests.Sampling;

/// <summary>The samplers besides the uniform one and OpenFedLLM's.</summary>
public sealed class CohortTests
{
    // Printed by NumPy 1.24.2: np.random.seed(t); np.random.choice(np.arange(C), k, replace=False).
    [Theory]
    [InlineData(0, 10, new[] { 2, 8, 4 })]
    [InlineData(1, 10, new[] { 2, 9, 6 })]
    [InlineData(5, 10, new[] { 9, 5, 2 })]
    [InlineData(0, 100, new[] { 26, 86, 2, 55, 75, 93, 16, 73, 54, 95 })]
    [InlineData(2, 100, new[] { 83, 30, 56, 24, 16, 23, 2, 27, 28, 13 })]
    [InlineData(3, 7, new[] { 4, 6, 5, 3, 1, 0, 2 })]
    [InlineData(1, 1000, new[] { 507, 818, 452, 368 })]
    [InlineData(4294967295, 20, new[] { 11, 17, 19, 15, 1 })]
    [InlineData(0, 1, new[] { 0 })]
    public void NumPyChoice_KnownDraws_AreMet(uint seed, int population, int[] expected) =>
        Assert.Equal(expected, new NumPyRandom(seed).Choice(population, expected.Length));

    [Fact]
    public void FedItCohort_KnownRounds_AreThoseOfNumPySorted()
    {
        var sampler = new FedItCohort();
        Assert.Equal([2], sampler.Draw(1, 2, 10, 1));
        Assert.Equal([4], sampler.Draw(99, 3, 10, 1));
        Assert.Equal([25, 29, 30, 37, 49, 51, 52, 56, 57, 87], sampler.Draw(1, 200, 100, 10));
        Assert.Equal([0, 1, 2], sampler.Draw(1, 1, 3, 5));
    }

    [Theory]
    [InlineData(0.05, 10, 1)]
    [InlineData(0.05, 39, 1)]
    [InlineData(0.05, 40, 2)]
    [InlineData(0.29, 100, 28)] // 0.29 · 100 is 28.999999999999996 in float64, and int() cuts
    [InlineData(1, 7, 7)]
    public void OfFraction_AnyNumbers_IsFedIts(double fraction, int clients, int expected) => Assert.Equal(expected, CohortSize.OfFraction(fraction, clients));

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1.1, 1)]
    [InlineData(double.NaN, 1)]
    [InlineData(0.5, 0)]
    public void OfFraction_OutOfRange_IsRefused(double fraction, int clients) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => CohortSize.OfFraction(fraction, clients));

    [Fact]
    public void SingleClientCohort_AnyRound_TakesItsClient()
    {
        Assert.Equal([3], new SingleClientCohort(3).Draw(1, 17, 4, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SingleClientCohort(4).Draw(1, 1, 4, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new SingleClientCohort(-1));
    }

    [Theory]
    [InlineData(12, 4)]
    [InlineData(13, 4)]
    [InlineData(100, 7)]
    [InlineData(5, 4)]
    [InlineData(3, 3)]
    public void RoundRobinCohort_APass_CoversEveryClient(int clients, int count)
    {
        var sampler = new RoundRobinCohort();
        int pass = (clients + count - 1) / count;
        for (int first = 1; first <= 3 * pass; first += pass)
        {
            int[] times = new int[clients];
            for (int round = first; round < first + pass; round++)
            {
                IReadOnlyList<int> cohort = sampler.Draw(5, round, clients, count);
                Assert.Equal(count, cohort.Count);
                Assert.Equal(cohort.Distinct().Order(), cohort);
                foreach (int client in cohort)
                {
                    times[client]++;
                }
            }

            Assert.All(times, n => Assert.InRange(n, 1, 2));
            Assert.Equal((pass * count) - clients, times.Count(n => n == 2));
        }
    }

    [Fact]
    public void RoundRobinCohort_AnotherPassOrSeed_HasAnotherOrder()
    {
        var sampler = new RoundRobinCohort();
        Assert.NotEqual(sampler.Draw(5, 1, 1000, 10), sampler.Draw(5, 101, 1000, 10));
        Assert.NotEqual(sampler.Draw(5, 1, 1000, 10), sampler.Draw(6, 1, 1000, 10));
    }

    [Fact]
    public void WeightedCohort_OverManyRounds_FollowsTheWeights()
    {
        const int Rounds = 6000;
        double[] weights = [1, 2, 3, 6];
        var sampler = new WeightedCohort(weights);
        int[] alone = new int[4];
        int[] inPairs = new int[4];
        for (int round = 1; round <= Rounds; round++)
        {
            alone[sampler.Draw(3, round, 4, 1)[0]]++;
            foreach (int client in sampler.Draw(4, round, 4, 2))
            {
                inPairs[client]++;
            }
        }

        // One: n_i / N. Two: first i, or first j and then i among the rest, Σ_j n_j/N · n_i/(N - n_j). Five standard deviations of a binomial are below 200.
        for (int i = 0; i < 4; i++)
        {
            double one = weights[i] / 12;
            double two = one + weights.Where((_, j) => j != i).Sum(w => w / 12 * weights[i] / (12 - w));
            Assert.InRange(alone[i], (one * Rounds) - 200, (one * Rounds) + 200);
            Assert.InRange(inPairs[i], (two * Rounds) - 200, (two * Rounds) + 200);
        }
    }

    [Fact]
    public void WeightedCohort_AnyRound_IsAPureFunctionOfSeedAndRound()
    {
        var sampler = new WeightedCohort([.. Enumerable.Range(1, 50).Select(i => (double)i)]);
        IReadOnlyList<int> cohort = sampler.Draw(1, 9, 50, 12);
        Assert.Equal(12, cohort.Count);
        Assert.Equal(cohort.Distinct().Order(), cohort);
        Assert.Equal(cohort, sampler.Draw(1, 9, 50, 12));
        Assert.NotEqual(cohort, sampler.Draw(2, 9, 50, 12));
        Assert.Equal(Enumerable.Range(0, 50), sampler.Draw(1, 9, 50, 60));
        Assert.Throws<ArgumentException>(() => sampler.Draw(1, 1, 49, 1));
        Assert.Throws<ArgumentException>(() => new WeightedCohort([1, 0]));
        Assert.Throws<ArgumentException>(() => new WeightedCohort([double.NaN]));
    }
}
