using System.Text.Json;
using System.Text.RegularExpressions;

namespace FedLLM.Architecture.Tests;

public sealed partial class SolutionTests
{
    // These need Orleans or TorchSharp, which not every machine can restore.
    private static readonly string[] NotEmbedded = ["GrainInterfaces", "Grains", "Silo", "Engine.Torch", "Engine.Tokenizers", "Cli.Torch", "Silo.Torch", "ClusterBench", "GpuBench"];

    private static readonly string[] BannedWords = ["Utils", "Util", "Helper", "Helpers", "Manager", "Base", "Common", "Misc"];

    [Fact]
    public void Solution_HoldsEveryProject() => Assert.Equal(Repository.Projects, InSolution());

    [Fact]
    public void EmbeddedFilter_HoldsEveryProjectButThoseOfTheCluster()
    {
        using JsonDocument filter = JsonDocument.Parse(Repository.Read("FedLLM.Embedded.slnf"));
        JsonElement solution = filter.RootElement.GetProperty("solution");
        Assert.Equal("FedLLM.sln", solution.GetProperty("path").GetString());
        string[] held = [.. solution.GetProperty("projects").EnumerateArray().Select(p => p.GetString()!.Replace('\\', '/')).Order(StringComparer.Ordinal)];
        Assert.Equal(Repository.Projects.Where(p => !NotEmbedded.Contains(WithoutTests(Repository.NameOf(p)))), held);
    }

    [Fact]
    public void SourceProjects_EachHaveTests()
    {
        foreach (string project in Repository.ProjectsIn("src"))
        {
            string name = Repository.NameOf(project);
            Assert.Contains($"tests/{name}.Tests/{name}.Tests.csproj", Repository.Projects);
        }
    }

    [Fact]
    public void Projects_AreNamedAsTheirFolders() => Assert.All(
        Repository.Projects,
        project => Assert.Equal(Path.GetFileName(Path.GetDirectoryName(project)), Repository.NameOf(project)));

    [Fact]
    public void ProjectsAndSourceFiles_HaveNoEmptyWordInTheirNames()
    {
        IEnumerable<string> names = Repository.Projects
            .Concat(Repository.Files.Where(f => f.StartsWith("src/", StringComparison.Ordinal) && f.EndsWith(".cs", StringComparison.Ordinal)))
            .Where(f => Words().Matches(Path.GetFileNameWithoutExtension(f)).Any(w => BannedWords.Contains(w.Value)));
        Assert.Empty(names);
    }

    private static string WithoutTests(string name) => name.EndsWith(".Tests", StringComparison.Ordinal) ? name[..^".Tests".Length] : name;

    private static IEnumerable<string> InSolution() => ProjectPaths().Matches(Repository.Read("FedLLM.sln"))
        .Select(m => m.Groups[1].Value.Replace('\\', '/'))
        .Order(StringComparer.Ordinal);

    [GeneratedRegex("\"([^\"]+\\.csproj)\"")]
    private static partial Regex ProjectPaths();

    [GeneratedRegex("[A-Z][a-z0-9]*")]
    private static partial Regex Words();
}
