using FedLLM.Data.Files;
using FedLLM.Engine.Files;
using FedLLM.TestSupport;

namespace FedLLM.Data.Tests.Files;

public sealed class DataFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void FindShards_FolderOfShards_IsInNaturalOrder()
    {
        Touch("client_10.json", "client_2.jsonl.gz", "client_1.json.gz", "client_03.jsonl", ".DS_Store");
        Assert.Equal(["client_1", "client_2", "client_03", "client_10"], DataFiles.FindShards(_folder.Path).Select(DataFiles.Stem));
    }

    [Theory]
    [InlineData("README.md")]
    [InlineData("global_test.json")]
    [InlineData("Eval-1.jsonl")]
    public void FindShards_FolderWithSomethingElse_NeedsPattern(string other)
    {
        Touch("client_1.json", "client_0.json", other);
        InputFileException e = Assert.Throws<InputFileException>(() => DataFiles.FindShards(_folder.Path));
        Assert.Contains(other, e.Message, StringComparison.Ordinal);
        Assert.Contains("data.pattern", e.Message, StringComparison.Ordinal);
        Assert.Equal(2, DataFiles.FindShards(_folder.Path, "client_*.json").Count);
        Assert.Equal(2, DataFiles.FindShards(Path.Combine(_folder.Path, "client_?.json")).Count);
    }

    [Fact]
    public void FindShards_FolderWithASubfolder_NeedsPattern()
    {
        Touch("client_1.json");
        Directory.CreateDirectory(Path.Combine(_folder.Path, "more.json"));
        Assert.Throws<InputFileException>(() => DataFiles.FindShards(_folder.Path));
        Assert.Single(DataFiles.FindShards(_folder.Path, "*.json"));
    }

    [Theory]
    [InlineData("global_test.json")]
    [InlineData("local_eval_3.json.gz")]
    [InlineData("val.jsonl")]
    [InlineData("7-VAL.json")]
    [InlineData("client_2_validation.json")]
    [InlineData("test2.json")]
    public void FindShards_HeldOutNameMatchesThePattern_IsRefused(string name)
    {
        Touch("client_1.json", name);
        InputFileException e = Assert.Throws<InputFileException>(() => DataFiles.FindShards(_folder.Path, "*"));
        Assert.Equal(name, Path.GetFileName(e.Path));
        Assert.Throws<InputFileException>(() => DataFiles.FindShards(Path.Combine(_folder.Path, name)));
        Assert.Single(DataFiles.Find(Path.Combine(_folder.Path, name)));
    }

    [Fact]
    public void FindDataset_HeldOutName_IsRefusedUnlessNamedItself()
    {
        Touch("train.jsonl", "test.jsonl", "README.md");
        Assert.Equal("test.jsonl", Path.GetFileName(Assert.Throws<InputFileException>(() => DataFiles.FindDataset(_folder.Path)).Path));
        Assert.Single(DataFiles.FindDataset(_folder.Path, "train*"));
        Assert.Single(DataFiles.FindDataset(Path.Combine(_folder.Path, "test.jsonl")));
    }

    [Theory]
    [InlineData("contest_1.json")]
    [InlineData("valencia.json")]
    [InlineData("medieval_2.json")]
    public void FindShards_HeldOutWordInsideAnother_IsAShard(string name)
    {
        Touch(name);
        Assert.Single(DataFiles.FindShards(_folder.Path));
    }

    [Fact]
    public void FindShards_TwoFilesOfOneStem_IsRefused()
    {
        Touch("client_1.json", "client_1.json.gz");
        Assert.Contains("same stem", Assert.Throws<InputFileException>(() => DataFiles.FindShards(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FindShards_NothingThere_SaysWhat()
    {
        AssertRefused(Path.Combine(_folder.Path, "absent"), null, "no such file or folder");
        AssertRefused(_folder.Path, null, "no JSON or JSONL file");
        AssertRefused(_folder.Path, "local_*.json", "no file in the folder matches local_*.json");
        AssertRefused(Path.Combine(_folder.Path, "absent", "*.json"), null, "no such folder");
        AssertRefused(Path.Combine(_folder.Path, "*.json"), "*.json", "a glob");
        Touch("client_1.json");
        AssertRefused(Path.Combine(_folder.Path, "client_1.json"), "*.json", "it is a file");
    }

    [Theory]
    [InlineData("client_2", "client_10", -1)]
    [InlineData("client_10", "client_2", 1)]
    [InlineData("a2b10", "a2b9", 1)]
    [InlineData("a02", "a2", -1)]
    [InlineData("a", "a1", -1)]
    [InlineData("9999999999999999999999", "10000000000000000000000", -1)]
    [InlineData("x", "x", 0)]
    public void NaturalOrder_Names_CompareAsPeopleCount(string x, string y, int sign) =>
        Assert.Equal((sign, -sign), (Math.Sign(NaturalOrder.Comparer.Compare(x, y)), Math.Sign(NaturalOrder.Comparer.Compare(y, x))));

    [SkippableFact]
    public void FindShards_NaturalInstructions_NumbersClientsNaturally()
    {
        string folder = SharedData.Require("data", "natural-instructions-80-clients");
        IReadOnlyList<string> files = DataFiles.FindShards(folder, "local_training_*.json.gz");
        Assert.Equal(80, files.Count);
        int[] numbers = [.. files.Select(f => int.Parse(DataFiles.Stem(f)["local_training_".Length..], null))];
        Assert.Equal(numbers.Order(), numbers);
        Assert.Throws<InputFileException>(() => DataFiles.FindShards(folder));
        Assert.Throws<InputFileException>(() => DataFiles.FindShards(folder, "*.json.gz"));
    }

    private void Touch(params string[] names)
    {
        foreach (string name in names)
        {
            _folder.Write(name, "[]");
        }
    }

    private static void AssertRefused(string path, string? pattern, string problem) =>
        Assert.Contains(problem, Assert.Throws<InputFileException>(() => DataFiles.FindShards(path, pattern)).Message, StringComparison.Ordinal);
}
