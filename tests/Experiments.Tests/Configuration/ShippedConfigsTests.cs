using FedLLM.Experiments.Configuration;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Configuration;

/// <summary>The experiments in configs/ can be read as they stand, and each says how it is run.</summary>
public sealed class ShippedConfigsTests
{
    private static readonly string Folder = Path.Combine(SharedData.RepositoryRoot(), "configs");

    // A file without data is of another command (pretrain), with keys of its own.
    public static TheoryData<string> Experiments() => [.. Directory.EnumerateFiles(Folder, "*.yaml")
        .Where(f => File.ReadLines(f).Any(line => line.StartsWith("data:", StringComparison.Ordinal)))
        .Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Experiments))]
    public void Read_ShippedExperiment_HasNoError(string file)
    {
        Experiment experiment = ExperimentFile.Read(Path.Combine(Folder, file));
        Assert.Equal(Path.GetFileNameWithoutExtension(file), experiment.Name);
    }

    [Fact]
    public void Files_BeginWithTheCommandThatRunsThem() => Assert.All(
        Directory.EnumerateFiles(Folder, "*.yaml"),
        file => Assert.Contains(File.ReadLines(file).TakeWhile(l => l.StartsWith('#')), l => l.Contains($"configs/{Path.GetFileName(file)}", StringComparison.Ordinal)));

    [Fact]
    public void Read_DollyFedAvg_IsTheExperimentItsCommentDescribes()
    {
        Experiment experiment = ExperimentFile.Read(Path.Combine(Folder, "dolly-fedavg.yaml"));
        Assert.Equal(Path.GetFullPath(Path.Combine(Folder, "../../shared/models/stories260K")), experiment.Model.Path);
        Assert.Equal(PartitionScheme.Files, experiment.Data.Partition.Scheme);
        Assert.Null(experiment.Data.Partition.Clients);
        Assert.NotNull(experiment.Evaluation.Data);
    }
}
