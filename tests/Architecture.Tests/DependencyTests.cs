namespace FedLLM.Architecture.Tests;

/// <summary>Dependencies point one way (docs/architecture.md). A new project gets its line here and there.</summary>
public sealed class DependencyTests
{
    // What a project may reference. It need not reference all of it, and gets the rest of its references' references with them.
    private static readonly Dictionary<string, string[]> Allowed = new(StringComparer.Ordinal)
    {
        ["Numerics"] = [],
        ["Engine"] = ["Numerics"],
        ["Engine.Torch"] = ["Numerics", "Engine"],
        ["Engine.Tokenizers"] = ["Numerics", "Engine"],
        ["Data"] = ["Numerics", "Engine"],
        ["Evaluation"] = ["Numerics", "Engine", "Data"],
        ["Federation"] = ["Numerics"],
        ["Experiments"] = ["Numerics", "Engine", "Data", "Evaluation", "Federation"],
        ["Dashboard"] = [],
        ["GrainInterfaces"] = [],
        ["Grains"] = ["Numerics", "Engine", "Data", "Evaluation", "Federation", "Experiments", "GrainInterfaces"],
        ["Silo"] = ["Numerics", "Engine", "Data", "Evaluation", "Federation", "Experiments", "GrainInterfaces", "Grains", "Dashboard"],
        ["Cli"] = ["Numerics", "Engine", "Data", "Evaluation", "Federation", "Experiments", "Dashboard"],
        ["Silo.Torch"] =
        [
            "Numerics", "Engine", "Data", "Evaluation", "Federation", "Experiments", "GrainInterfaces", "Grains", "Dashboard", "Silo", "Engine.Torch", "Engine.Tokenizers",
        ],
        ["Cli.Torch"] = ["Numerics", "Engine", "Data", "Evaluation", "Federation", "Experiments", "Dashboard", "Cli", "Engine.Torch", "Engine.Tokenizers"],
    };

    // Everything else is written here: what computes depends on the .NET runtime alone.
    private static readonly Dictionary<string, string[]> AllowedPackages = new(StringComparer.Ordinal)
    {
        ["Engine.Torch"] = ["TorchSharp"],
        ["Engine.Tokenizers"] = ["Microsoft.ML.Tokenizers"],
        ["Experiments"] = ["YamlDotNet"],
        ["Dashboard"] = ["Microsoft.AspNetCore.OpenApi", "OpenTelemetry", "OpenTelemetry.Exporter.OpenTelemetryProtocol", "YamlDotNet"],
        ["Cli"] = ["System.CommandLine", "Spectre.Console"],
        ["GrainInterfaces"] = ["Microsoft.Orleans.Sdk"],
        ["Grains"] = ["Microsoft.Orleans.Sdk", "Microsoft.Orleans.Runtime", "Microsoft.Orleans.Reminders"],
        ["Silo"] =
        [
            "Microsoft.Orleans.Server", "Microsoft.Orleans.Dashboard", "Microsoft.Orleans.Clustering.AdoNet", "Microsoft.Orleans.Persistence.AdoNet", "Microsoft.Orleans.Reminders.AdoNet", "Npgsql",
            "Microsoft.Orleans.Clustering.AzureStorage", "Microsoft.Orleans.Persistence.AzureStorage", "Microsoft.Orleans.Reminders.AzureStorage", "Microsoft.Orleans.Connections.Security",
            "OpenTelemetry", "OpenTelemetry.Exporter.OpenTelemetryProtocol",
        ],
    };

    private static readonly string[] ClusterPackages = ["Microsoft.Orleans", "Orleans", "TorchSharp", "libtorch"];

    [Fact]
    public void SourceProjects_AreExactlyThoseWithARule() =>
        Assert.Equal(Allowed.Keys.Order(StringComparer.Ordinal), Repository.ProjectsIn("src").Select(Repository.NameOf).Order(StringComparer.Ordinal));

    [Fact]
    public void SourceProjects_ReferenceOnlyWhatTheyMay()
    {
        foreach (string project in Repository.ProjectsIn("src"))
        {
            string name = Repository.NameOf(project);
            foreach (string reference in Repository.References(project))
            {
                Assert.True(Repository.Projects.Contains(reference), $"{project} references {reference}, which does not exist.");
                Assert.True(Allowed[name].Contains(Repository.NameOf(reference)), $"{name} must not reference {Repository.NameOf(reference)}.");
            }
        }
    }

    [Fact]
    public void SourceProjects_UseOnlyTheirPackages()
    {
        foreach (string project in Repository.ProjectsIn("src"))
        {
            string name = Repository.NameOf(project);
            Assert.Empty(Repository.Packages(project).Except(AllowedPackages.GetValueOrDefault(name) ?? []));
        }
    }

    [Theory]
    [InlineData("Engine", "Federation")]
    [InlineData("Federation", "Engine")]
    [InlineData("Federation", "Data")]
    [InlineData("Federation", "Experiments")]
    [InlineData("Experiments", "Cli")]
    [InlineData("Experiments", "Dashboard")]
    [InlineData("Dashboard", "Federation")]
    [InlineData("Dashboard", "Experiments")]
    [InlineData("Experiments", "GrainInterfaces")]
    [InlineData("GrainInterfaces", "Experiments")]
    [InlineData("Grains", "Silo")]
    [InlineData("Grains", "Dashboard")]
    public void Closure_OfOne_DoesNotHoldTheOther(string from, string to) => Assert.DoesNotContain(to, Closure(from).Select(Repository.NameOf));

    [Fact]
    public void Cli_ReferencesNeitherOrleansNorTorch()
    {
        IEnumerable<string> packages = Closure("Cli").SelectMany(Repository.Packages);
        Assert.DoesNotContain(packages, p => ClusterPackages.Any(c => p.StartsWith(c, StringComparison.OrdinalIgnoreCase)));
        Assert.DoesNotContain(Closure("Cli"), p => Repository.NameOf(p) is "GrainInterfaces" or "Grains" or "Silo");
    }

    [Fact]
    public void References_NoTestOrDemoIsUsedBySource() => Assert.All(
        Repository.ProjectsIn("src").SelectMany(Repository.References),
        reference => Assert.StartsWith("src/", reference, StringComparison.Ordinal));

    private static HashSet<string> Closure(string name)
    {
        var closure = new HashSet<string>(StringComparer.Ordinal);
        var next = new Stack<string>([Repository.ProjectsIn("src").Single(p => Repository.NameOf(p) == name)]);
        while (next.TryPop(out string? project))
        {
            if (closure.Add(project))
            {
                foreach (string reference in Repository.References(project))
                {
                    next.Push(reference);
                }
            }
        }

        return closure;
    }
}
