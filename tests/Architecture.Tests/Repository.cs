using System.Xml.Linq;
using FedLLM.TestSupport;

namespace FedLLM.Architecture.Tests;

/// <summary>The repository's projects and files as they lie on the disk, build outputs and run directories left out. Paths are relative, with '/'.</summary>
internal static class Repository
{
    private static readonly string[] Outputs =
        [".git", ".vs", ".idea", "bin", "obj", "runs", "artifacts", ".tools", "TestResults", "BenchmarkDotNet.Artifacts"];

    public static string Root { get; } = SharedData.RepositoryRoot();

    /// <summary>All files, ascending.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(Root).Select(Relative).Order(StringComparer.Ordinal)];

    /// <summary>All project files.</summary>
    public static IReadOnlyList<string> Projects { get; } = [.. Files.Where(f => f.EndsWith(".csproj", StringComparison.Ordinal))];

    /// <summary>The project files of one top folder (<c>src</c>, <c>tests</c>).</summary>
    public static IEnumerable<string> ProjectsIn(string folder) => Projects.Where(p => p.StartsWith(folder + "/", StringComparison.Ordinal));

    public static string NameOf(string project) => Path.GetFileNameWithoutExtension(project);

    public static string Read(string file) => File.ReadAllText(Path.Combine(Root, file));

    /// <summary>The projects that a project references directly, as paths.</summary>
    public static IEnumerable<string> References(string project) => Items(project, "ProjectReference")
        .Select(r => Relative(Path.GetFullPath(Path.Combine(Root, Path.GetDirectoryName(project)!, r))));

    /// <summary>The packages that a project references itself.</summary>
    public static IEnumerable<string> Packages(string project) => Items(project, "PackageReference");

    private static IEnumerable<string> Items(string project, string item) => XDocument.Load(Path.Combine(Root, project))
        .Descendants(item)
        .Select(e => e.Attribute("Include")!.Value.Replace('\\', '/'));

    private static IEnumerable<string> Walk(string folder) => Directory.EnumerateFileSystemEntries(folder)
        .Where(e => !Outputs.Contains(Path.GetFileName(e), StringComparer.Ordinal))
        .SelectMany(e => Directory.Exists(e) ? Walk(e) : [e]);

    private static string Relative(string path) => Path.GetRelativePath(Root, path).Replace('\\', '/');
}
