using System.Text.RegularExpressions;

namespace FedLLM.Architecture.Tests;

public sealed partial class SourceFileTests
{
    private const int MaxLines = 320;

    private static readonly string[] TextEndings =
        [".cs", ".csproj", ".props", ".targets", ".sln", ".slnf", ".json", ".yaml", ".yml", ".md", ".txt", ".sh", ""];

    [Fact]
    public void Source_FilesAreShort() => Assert.All(Source(), file =>
    {
        int lines = Repository.Read(file).Count(c => c == '\n');
        Assert.True(lines <= MaxLines, $"{file} has {lines} lines; split it by role.");
    });

    [Fact]
    public void Source_NamespacesAreTheFolders() => Assert.All(Source(), file =>
    {
        Match declared = Namespace().Match(Repository.Read(file));
        string expected = "FedLLM." + Path.GetDirectoryName(file)!["src/".Length..].Replace('\\', '.').Replace('/', '.');
        Assert.True(!declared.Success || declared.Groups[1].Value == expected, $"{file} declares {declared.Groups[1].Value}, not {expected}.");
    });

    [Fact]
    public void Text_NamesNoPathOfOneMachine() => Assert.Empty(Repository.Files
        .Where(f => TextEndings.Contains(Path.GetExtension(f)))
        .SelectMany(f => MachinePath().Matches(Repository.Read(f)).Select(m => $"{f}: {m.Value}")));

    [Fact]
    public void Text_HoldsNoMergeMarkers() => Assert.DoesNotContain(
        Repository.Files.Where(f => TextEndings.Contains(Path.GetExtension(f))),
        f => MergeMarker().IsMatch(Repository.Read(f)));

    [Fact]
    public void License_IsMit() => Assert.StartsWith("MIT License", Repository.Read("LICENSE"), StringComparison.Ordinal);

    private static IEnumerable<string> Source() =>
        Repository.Files.Where(f => f.StartsWith("src/", StringComparison.Ordinal) && f.EndsWith(".cs", StringComparison.Ordinal));

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex Namespace();

    [GeneratedRegex("^(?:<{7}|>{7}) ", RegexOptions.Multiline)]
    private static partial Regex MergeMarker();

    // Home folders and the like; an address on the web has a letter or a point before its slash.
    [GeneratedRegex(@"(?<![\w.~*])/(?:work|home|root|Users|mnt|workspaces?)/\w+|[A-Z]:\\+Users\\+\w+")]
    private static partial Regex MachinePath();
}
