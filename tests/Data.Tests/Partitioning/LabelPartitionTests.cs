using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;
using FedLLM.Numerics;
using FedLLM.TestSupport;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class LabelPartitionTests
{
    [Fact]
    public void LabelGroup_Examples_AreGroupedInNaturalOrder()
    {
        IReadOnlyList<LabelGroup> groups = LabelGroup.Of(Examples("site_10", "site_2", "site_10", "site_1"));
        Assert.Equal(["site_1", "site_2", "site_10"], groups.Select(g => g.Label));
        Assert.Equal([[3], [1], [0, 2]], groups.Select(g => g.Rows));
        var partition = new RowPartition("memory", Examples("site_10", "site_2", "site_10", "site_1"), [.. groups.Select(g => g.Rows)], [.. groups.Select(g => g.Label)]);
        Assert.Equal(("site_10", 2), (partition.Name(2), partition.Read(2).Count()));
    }

    [Fact]
    public void LabelGroup_MissingLabel_NamesTheRecord()
    {
        Example[] examples = [.. Examples("a"), new InstructionExample("I", "R", null, new SourcePlace("d.jsonl", 4711, 4700))];
        InputFileException e = Assert.Throws<InputFileException>(() => LabelGroup.Of(examples));
        Assert.StartsWith("d.jsonl, line 4711, record 4700: ", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dirichlet_AnySizes_LosesAndDoublesNothing()
    {
        var cases =
            from sizes in Gen.Choose(1, 60).NonEmptyListOf()
            from clients in Gen.Choose(1, 6)
            from alpha in Gen.Elements(0.3, 1.0, 100.0)
            from seed in Gen.Choose(0, 1000)
            where sizes.Count() <= 12 && sizes.Sum() >= 12 * clients
            select (Sizes: sizes.ToArray(), clients, alpha, seed);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            IReadOnlyList<LabelGroup> groups = Groups(c.Sizes);
            IReadOnlyList<int[]> parts = Dirichlet(groups, c.clients, c.alpha, 1, c.seed);
            Assert.Equal(c.clients, parts.Count);
            Assert.Equal(Enumerable.Range(0, c.Sizes.Sum()), parts.SelectMany(p => p).Order());
            Assert.All(parts, p => Assert.NotEmpty(p));
            Assert.Equal(parts, Dirichlet(groups, c.clients, c.alpha, 1, c.seed));
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(10)]
    public void Dirichlet_Alpha_SetsHowUnequalTheMixturesAre(double alpha)
    {
        // The share of the first label that falls to client 0 of 2 is Beta(α, α): mean 1/2, variance 1/(4(2α + 1)).
        double[] shares = [.. Enumerable.Range(0, 400).Select(seed =>
            Dirichlet(Groups(2000, 2000), 2, alpha, 1, seed)[0].Count(row => row < 2000) / 2000.0)];
        double expected = Math.Sqrt(1 / (4 * ((2 * alpha) + 1)));
        double deviation = Math.Sqrt(shares.Average(s => (s - 0.5) * (s - 0.5)));
        Assert.InRange(shares.Average(), 0.5 - (4 * expected / 20), 0.5 + (4 * expected / 20));
        Assert.InRange(deviation, 0.85 * expected, 1.15 * expected);
    }

    [Fact]
    public void Dirichlet_FullClient_GetsNoMore()
    {
        // N/C is 50. Once a client holds that many, later labels pass it by.
        for (int seed = 0; seed < 50; seed++)
        {
            IReadOnlyList<int[]> parts = Dirichlet(Groups(60, 20, 20), 2, 0.5, 1, seed);
            foreach (int[] part in parts.Where(p => p.Count(row => row < 60) >= 50))
            {
                Assert.All(part, row => Assert.InRange(row, 0, 59));
            }
        }
    }

    [Fact]
    public void Dirichlet_WithoutTheCap_FillsClientsBeyondTheirEqualShare()
    {
        // Each of two clients takes a uniform share of every label: without the cap one of them often holds more than half by more than the last label's rows.
        Assert.Contains(Enumerable.Range(0, 50), seed =>
            DirichletPartitioner.Cut(Groups(60, 20, 20), 2, 1, 1, (ulong)seed, "memory", capped: false)
                .Any(part => part.Count(row => row < 60) >= 50 && part.Any(row => row >= 60)));
    }

    [Theory]
    [InlineData(DirichletPartitioner.MinAlpha)]
    [InlineData(DirichletPartitioner.MaxAlpha)]
    public void Dirichlet_ExtremeAlpha_StillCuts(double alpha) =>
        Assert.Equal(300, Dirichlet(Groups([.. Enumerable.Repeat(10, 30)]), 4, alpha, 1, 3).Sum(p => p.Length));

    [Fact]
    public void Dirichlet_TinyAlpha_StillCuts()
    {
        // Gamma(0.001) underflows in float64 nearly always; the logarithms do not.
        IReadOnlyList<int[]> parts = Dirichlet(Groups([.. Enumerable.Repeat(10, 30)]), 4, 0.001, 1, 3);
        Assert.Equal(300, parts.Sum(p => p.Length));
    }

    [Fact]
    public void Dirichlet_UnreachableSize_SaysWhatToChange()
    {
        Assert.Contains("10 records cannot give 3 clients 4 each", Refused(Groups(10), 3, 1, 4), StringComparison.Ordinal);
        Assert.Contains("data.partition.alpha", Refused(Groups(100), 10, 0.01, 9), StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => Dirichlet(Groups(10), 2, double.NaN, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Dirichlet(Groups(10), 2, 0, 1, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => Dirichlet(Groups(10), 2, 1e300, 1, 1));
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(1.0)]
    [InlineData(4.5)]
    public void GammaStream_Draws_HaveTheGammaMoments(double shape)
    {
        const int Count = 20_000;
        var stream = new GammaStream(new CounterRandom(17, RandomPurpose.Partition));
        double[] draws = new double[Count];
        for (int i = 0; i < Count; i++)
        {
            draws[i] = Math.Exp(stream.NextLog(shape));
        }

        // Mean and variance are the shape; the standard errors are √(a/n) and √((2a² + 6a)/n). Five of them.
        double mean = draws.Average();
        double variance = draws.Average(d => (d - mean) * (d - mean));
        Assert.InRange(mean, shape - (5 * Math.Sqrt(shape / Count)), shape + (5 * Math.Sqrt(shape / Count)));
        double error = 5 * Math.Sqrt(((2 * shape * shape) + (6 * shape)) / Count);
        Assert.InRange(variance, shape - error, shape + error);
    }

    [Fact]
    public void Shards_AnySizes_LosesAndDoublesNothing()
    {
        var cases =
            from sizes in Gen.Choose(1, 50).NonEmptyListOf()
            from clients in Gen.Choose(1, 8)
            from runs in Gen.Choose(1, 3)
            where sizes.Sum() >= clients * runs
            select (Sizes: sizes.ToArray(), clients, runs);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            IReadOnlyList<int[]> parts = ShardPartitioner.Cut(Groups(c.Sizes), c.clients, c.runs, 5, "memory");
            Assert.Equal(c.clients, parts.Count);
            Assert.Equal(Enumerable.Range(0, c.Sizes.Sum()), parts.SelectMany(p => p).Order());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Shards_TwoRunsPerClient_GivesFewLabels()
    {
        // 11 rows in 4 runs: 3, 3, 3, 2 (numpy.array_split). Client 0 has the first two of the shuffled runs.
        int[][] runs = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10]];
        int[] order = [0, 1, 2, 3];
        new CounterRandom(5, RandomPurpose.Partition).Shuffle(order.AsSpan());
        int[][] expected = [[.. runs[order[0]], .. runs[order[1]]], [.. runs[order[2]], .. runs[order[3]]]];
        Assert.Equal(expected, ShardPartitioner.Cut(Groups(4, 7), 2, 2, 5, "memory"));
        InputFileException e = Assert.Throws<InputFileException>(() => ShardPartitioner.Cut(Groups(3), 2, 2, 5, "d.json"));
        Assert.StartsWith("d.json: 3 records cannot give 2 clients 2 runs each", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void Dirichlet_DollyAsFedItCutsIt_GivesUnequalMixtures()
    {
        string folder = SharedData.Require("data", "dolly-10-clients");
        Example[] examples = [.. DataFiles.Find(folder, "local_training_*.json.gz").SelectMany(new ExampleReader().Read)];
        IReadOnlyList<LabelGroup> groups = LabelGroup.Of(examples);
        Assert.Equal(8, groups.Count);
        IReadOnlyList<int[]> parts = DirichletPartitioner.Cut(groups, 10, 0.5, 40, 42, folder);
        Assert.Equal(Enumerable.Range(0, 14_931), parts.SelectMany(p => p).Order());
        Assert.All(parts, p => Assert.True(p.Length >= 40));

        // Measured as the largest label's share of a client: about 0.25 for all of Dolly, far more for most of these clients.
        Assert.True(parts.Average(p => p.CountBy(row => examples[row].Category!).Max(c => c.Value) / (double)p.Length) > 0.4);
    }

    private static Example[] Examples(params string[] labels) => [.. labels.Select(l => new InstructionExample("I", "R", l, default))];

    /// <summary>Labels 0, 1, … with these many consecutive rows each.</summary>
    private static LabelGroup[] Groups(params int[] sizes)
    {
        int begin = 0;
        var groups = new LabelGroup[sizes.Length];
        for (int i = 0; i < sizes.Length; i++)
        {
            groups[i] = new LabelGroup($"{i}", [.. Enumerable.Range(begin, sizes[i])]);
            begin += sizes[i];
        }

        return groups;
    }

    private static IReadOnlyList<int[]> Dirichlet(IReadOnlyList<LabelGroup> groups, int clients, double alpha, int minSize, int seed) =>
        DirichletPartitioner.Cut(groups, clients, alpha, minSize, (ulong)seed, "memory");

    private static string Refused(IReadOnlyList<LabelGroup> groups, int clients, double alpha, int minSize) =>
        Assert.Throws<InputFileException>(() => Dirichlet(groups, clients, alpha, minSize, 1)).Message;
}
