using FedLLM.Data.Examples;
using FedLLM.Data.Files;
using FedLLM.Data.Partitioning;
using FedLLM.Engine.Files;

namespace FedLLM.Data.Tests.Partitioning;

public sealed class HeldOutFilesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("local_training_7", "local_7")]
    [InlineData("local_eval_7", "local_7")]
    [InlineData("Test-client.7", "client_7")]
    [InlineData("validation", "")]
    [InlineData("evaluate_7", "evaluate_7")] // only whole words say what data is for
    public void OwnerKey_Name_LosesTheWordsThatSayWhatTheDataIsFor(string name, string key) => Assert.Equal(key, DataFiles.OwnerKey(name));

    [Fact]
    public void Read_FilesNamedAsTheClients_GivesEachClientItsOwn()
    {
        foreach (int i in (int[])[0, 2, 10])
        {
            Write($"local_training_{i}.json", $"train {i}");
            Write($"local_test_{i}.json", $"test {i}");
        }

        Write("local_test_99.json", "nobody's");
        var held = new HeldOutFiles(Clients(), Glob("local_test_*.json"), new ExampleReader());
        Assert.Equal(3, held.Clients);
        Assert.Equal(["test 0", "test 2", "test 10"], Enumerable.Range(0, 3).SelectMany(held.Read).Cast<InstructionExample>().Select(e => e.Instruction));
        Assert.Equal("local_training_10", held.Name(2));
        Assert.Equal(Path.Combine(_folder.Path, "local_test_10.json"), held.Origin(2));
    }

    [Fact]
    public void Constructor_ClientsWithoutAFile_NamesThem()
    {
        Write("local_training_0.json", "a");
        Write("local_training_1.json", "b");
        Write("local_test_1.json", "c");
        Assert.Contains("no file for client 0 (local_training_0)", Refusal("local_test_*.json"), StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_TwoFilesOfOneClient_NamesBoth()
    {
        Write("local_training_0.json", "a");
        Write("local_test_0.json", "b");
        Write("local_eval_0.json", "c");
        string refusal = Refusal("local_*e*_0.json");
        Assert.Contains("local_eval_0.json", refusal, StringComparison.Ordinal);
        Assert.Contains("local_test_0.json", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_TheTrainingFileItself_IsRefused()
    {
        Write("local_training_0.json", "a");
        Assert.Contains("trains on it", Refusal("local_*_0.json"), StringComparison.Ordinal);
    }

    [Fact]
    public void Constructor_NamesThatDifferInARoleAlone_AreRefused()
    {
        Write("a_train_1.json", "a");
        Write("a_training_1.json", "b");
        Write("a_test_1.json", "c");
        var partition = new FilePartition(DataFiles.FindShards(_folder.Path, "a_train*.json"), new ExampleReader());
        InputFileException e = Assert.Throws<InputFileException>(() => new HeldOutFiles(partition, Glob("a_test_*.json"), new ExampleReader()));
        Assert.Contains("cannot be told apart", e.Message, StringComparison.Ordinal);
    }

    private void Write(string name, string instruction) => _folder.Write(name, $$"""[{"instruction": "{{instruction}}", "output": "R"}]""");

    private string Glob(string pattern) => Path.Combine(_folder.Path, pattern);

    private FilePartition Clients() => new(DataFiles.FindShards(_folder.Path, "local_training_*.json"), new ExampleReader());

    private string Refusal(string pattern) => Assert.Throws<InputFileException>(() => new HeldOutFiles(Clients(), Glob(pattern), new ExampleReader())).Message;
}
