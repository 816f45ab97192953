using FedLLM.Experiments.Clients;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Experiments.Tests.Clients;

public sealed class LaneSharesTests
{
    [Fact]
    public void Deal_UnequalClients_EvensTheWorkOut()
    {
        // In order, the first four would have 10 and the others 26.
        int[] clients = [10, 11, 12, 13, 14, 15, 16, 17];
        double[] work = [1, 2, 3, 4, 5, 6, 7, 8];

        IReadOnlyList<int>[] shares = LaneShares.Deal(clients, client => work[client - 10], 2);

        Assert.Equal([[10, 13, 14, 17], [11, 12, 15, 16]], shares.OrderBy(s => s[0]));
    }

    [Fact]
    public void Deal_OneClientWithMost_IsFirstAndHasCompanyStill()
    {
        IReadOnlyList<int>[] shares = LaneShares.Deal([0, 1, 2, 3], client => client == 2 ? 100 : 1, 2);

        Assert.Equal(2, shares[0].Count);
        Assert.Contains(2, shares[0]);
    }

    [Fact]
    public void Deal_AnyWork_DealsEachClientOnceInSharesOfEqualNumbers()
    {
        Gen<(byte[] Work, int Count)> dealt =
            from work in Gen.NonEmptyListOf(Gen.Choose(0, 255).Select(w => (byte)w))
            from count in Gen.Choose(1, work.Count)
            select (work.ToArray(), count);
        Prop.ForAll(dealt.ToArbitrary(), given =>
        {
            int[] clients = [.. Enumerable.Range(0, given.Work.Length).Select(i => 3 * i)];
            IReadOnlyList<int>[] shares = LaneShares.Deal(clients, client => given.Work[client / 3], given.Count);
            double[] loads = [.. shares.Select(share => share.Sum(client => (double)given.Work[client / 3]))];

            Assert.Equal(given.Count, shares.Length);
            Assert.Equal(clients, shares.SelectMany(share => share).Order());
            Assert.All(shares, share => Assert.InRange(share.Count, given.Work.Length / given.Count, (given.Work.Length + given.Count - 1) / given.Count));
            Assert.All(shares, share => Assert.Equal(share.Order(), share));
            Assert.Equal(loads.OrderDescending(), loads);
        }).QuickCheckThrowOnFailure();
    }
}
