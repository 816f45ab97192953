using FedLLM.Federation.Sampling;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Federation.Tests.Sampling;

public sealed class UniformCohortTests
{
    private readonly UniformCohort _sampler = new();

    [Fact]
    public void Draw_AnyNumbers_GivesDistinctClientsAscending()
    {
        var cases = from clients in Gen.Choose(1, 200) from count in Gen.Choose(1, 220) from round in Gen.Choose(1, 1000) select (clients, count, round);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            IReadOnlyList<int> cohort = _sampler.Draw(7, c.round, c.clients, c.count);
            return cohort.Count == Math.Min(c.clients, c.count)
                && cohort.All(i => i >= 0 && i < c.clients)
                && cohort.Zip(cohort.Skip(1)).All(p => p.First < p.Second)
                && cohort.SequenceEqual(_sampler.Draw(7, c.round, c.clients, c.count));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Draw_OverManyRounds_FavorsNobody()
    {
        const int Rounds = 4000;
        int[] times = new int[10];
        for (int round = 1; round <= Rounds; round++)
        {
            foreach (int client in _sampler.Draw(2023, round, 10, 3))
            {
                times[client]++;
            }
        }

        // Each client's count is binomial: mean 4000 · 3/10 = 1200, standard deviation sqrt(4000 · 0.3 · 0.7) = 29; five of them are 145.
        Assert.All(times, n => Assert.InRange(n, 1055, 1345));
    }

    [Fact]
    public void Draw_OtherSeedOrRound_GivesAnotherCohort()
    {
        IReadOnlyList<int> cohort = _sampler.Draw(1, 1, 1_000_000, 10);
        Assert.NotEqual(cohort, _sampler.Draw(2, 1, 1_000_000, 10));
        Assert.NotEqual(cohort, _sampler.Draw(1, 2, 1_000_000, 10));
    }

    [Fact]
    public void Draw_FromAMillionClients_AllocatesForTheCohortOnly()
    {
        _sampler.Draw(1, 1, 1_000_000, 10);
        long before = GC.GetAllocatedBytesForCurrentThread();
        _sampler.Draw(1, 2, 1_000_000, 10);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 10_000);
    }

    [Theory]
    [InlineData(0, 1, 1)]
    [InlineData(1, 0, 1)]
    [InlineData(1, 1, 0)]
    public void Draw_NumbersBelowOne_AreRefused(int round, int clients, int count)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => _sampler.Draw(1, round, clients, count));
    }
}
