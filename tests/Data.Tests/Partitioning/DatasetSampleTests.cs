using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;
using FedLLM.TestSupport;
using FsCheck;
using FsCheck.Fluent;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class DatasetSampleTests
{
    [Fact]
    public void Take_AnyLimit_IsThatManyDifferentRowsBySeed()
    {
        var cases = from rows in Gen.Choose(1, 200) from limit in Gen.Choose(1, 250) from seed in Gen.Choose(0, 1000) select (rows, limit, seed);
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            Example[] examples = Examples(c.rows, 1);
            IReadOnlyList<Example> taken = DatasetSample.Take(examples, c.limit, (ulong)c.seed);
            Assert.Equal(Math.Min(c.limit, c.rows), taken.Distinct().Count());
            Assert.Equal(taken.Count, taken.Distinct().Count());
            Assert.Subset(examples.ToHashSet(), taken.ToHashSet());
            Assert.Equal(taken, DatasetSample.Take(examples, c.limit, (ulong)c.seed));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Take_OtherSeed_TakesOthers() => Assert.NotEqual(DatasetSample.Take(Examples(100, 1), 10, 1), DatasetSample.Take(Examples(100, 1), 10, 2));

    [Fact]
    public void HoldOut_AnyLabels_TakesThatManyOfEachAndLosesNothing()
    {
        var cases = from labels in Gen.Choose(1, 6) from perLabel in Gen.Choose(1, 5) from more in Gen.Choose(1, 60) select (labels, perLabel, Rows: (labels * perLabel) + (labels * more));
        Prop.ForAll(cases.ToArbitrary(), c =>
        {
            Example[] examples = Examples(c.Rows, c.labels);
            (IReadOnlyList<Example> training, IReadOnlyList<Example> test) = DatasetSample.HoldOut(examples, c.perLabel, 3, "memory");
            Assert.Equal(examples.ToHashSet(), training.Concat(test).ToHashSet());
            Assert.Equal(c.Rows, training.Count + test.Count);
            Assert.Equal(Enumerable.Repeat(c.perLabel, c.labels), test.CountBy(e => e.Category!).Select(l => l.Value));
            Assert.Equal(training.OrderBy(e => e.Source.Record), training);
            Assert.Equal(test, DatasetSample.HoldOut(examples, c.perLabel, 3, "memory").Test);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void HoldOut_LabelWithTooFewRows_SaysWhatToLower()
    {
        InputFileException e = Assert.Throws<InputFileException>(() => DatasetSample.HoldOut(Examples(7, 2), 3, 1, "d.json"));
        Assert.StartsWith("d.json: one of its labels has 3 records, and the test set takes 3 of each", e.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void HoldOut_DollyAsFedItDoes_KeepsEightyRecords()
    {
        string folder = SharedData.Require("data", "dolly-10-clients");
        Example[] examples = [.. DataFiles.Find(folder, "*.json.gz").Concat(DataFiles.Find(folder, "global_test.json")).SelectMany(new ExampleReader().Read)];
        (IReadOnlyList<Example> training, IReadOnlyList<Example> test) = DatasetSample.HoldOut(examples, 10, 42, folder);
        Assert.Equal((15_011, 80), (training.Count + test.Count, test.Count)); // databricks-dolly-15k, first version
    }

    private static Example[] Examples(int rows, int labels) =>
        [.. Enumerable.Range(0, rows).Select(i => new InstructionExample($"{i}", "R", $"{i % labels}", new SourcePlace("f", i + 1, i + 1)))];
}
