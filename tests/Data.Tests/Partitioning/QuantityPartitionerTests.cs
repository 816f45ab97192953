using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;
using FedLLM.Numerics;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class QuantityPartitionerTests
{
    [Fact]
    public void Cut_AnySizes_LosesAndDoublesNothingAndKeepsTheLeastSize()
    {
        var cases =
            from clients in Gen.Choose(1, 40)
            from least in Gen.Choose(1, 5)
            from rest in Gen.Choose(0, 400)
            from sigma in Gen.Elements(0, 0.3, 1, 5, QuantityPartitioner.MaxSigma)
            from seed in Gen.Choose(0, 1000)
            select (Rows: (clients * least) + rest, clients, least, sigma, seed);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            IReadOnlyList<int[]> parts = QuantityPartitioner.Cut(c.Rows, c.clients, c.sigma, c.least, (ulong)c.seed, "memory");
            Assert.Equal(c.clients, parts.Count);
            Assert.Equal(Enumerable.Range(0, c.Rows), parts.SelectMany(p => p).Order());
            Assert.All(parts, p => Assert.True(p.Length >= c.least));
            Assert.Equal(parts, QuantityPartitioner.Cut(c.Rows, c.clients, c.sigma, c.least, (ulong)c.seed, "memory"));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Cut_SigmaZero_GivesEqualSizes() =>
        Assert.Equal([4, 4, 3, 3], QuantityPartitioner.Cut(14, 4, 0, 1, 5, "memory").Select(p => p.Length));

    [Theory]
    [InlineData(0.5)]
    [InlineData(1.5)]
    public void Cut_Sigma_IsTheDeviationOfTheLogarithmsOfTheSizes(double sigma)
    {
        const int Clients = 2000;
        double[] logs = [.. QuantityPartitioner.Cut(5_000_000, Clients, sigma, 1, 9, "memory").Select(p => Math.Log(p.Length))];
        double mean = logs.Average();
        double deviation = Math.Sqrt(logs.Average(l => (l - mean) * (l - mean)));

        // The estimate's own deviation is sigma / sqrt(2n) = sigma / 63; five of them. The row that each client has besides hardly shows beside some thousand.
        Assert.InRange(deviation, sigma * (1 - (5 / 63.0)), sigma * (1 + (5 / 63.0)));
    }

    [Fact]
    public void Cut_Rows_AreDealtOutInTheShuffledOrder()
    {
        int[] order = [.. Enumerable.Range(0, 50)];
        new CounterRandom(7, RandomPurpose.Partition).Shuffle(order.AsSpan());
        Assert.Equal(order, QuantityPartitioner.Cut(50, 6, 1, 2, 7, "memory").SelectMany(p => p));
    }

    [Fact]
    public void Cut_WhatCannotBe_SaysWhatToChange()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => QuantityPartitioner.Cut(9, 5, 1, 2, 1, "d.json"));
        Assert.StartsWith("d.json: 9 records cannot give 5 clients 2 each", e.Message, StringComparison.Ordinal);
        Assert.Throws<InputFileException>(() => QuantityPartitioner.Cut(9, int.MaxValue, 1, int.MaxValue, 1, "d.json"));
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantityPartitioner.Cut(9, 5, double.NaN, 1, 1, "d.json"));
        Assert.Throws<ArgumentOutOfRangeException>(() => QuantityPartitioner.Cut(9, 5, -1, 1, 1, "d.json"));
    }
}
