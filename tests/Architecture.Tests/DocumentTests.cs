using System.Text.RegularExpressions;

namespace FedLLM.Architecture.Tests;

/// <summary>What the documents point at exists.</summary>
public sealed partial class DocumentTests
{
    public static TheoryData<string> Documents() => [.. Repository.Files.Where(f => f.EndsWith(".md", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadToFilesOfTheRepository(string document)
    {
        foreach (string target in Links().Matches(Repository.Read(document)).Select(m => m.Groups[1].Value))
        {
            string path = Path.Combine(Repository.Root, Path.GetDirectoryName(document)!, target);
            Assert.True(File.Exists(path) || Directory.Exists(path), $"{document} links to {target}, which does not exist.");
        }
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void SourcePaths_Exist(string document)
    {
        foreach (string path in SourcePaths().Matches(Repository.Read(document)).Select(m => m.Groups[1].Value))
        {
            Assert.True(File.Exists(Path.Combine(Repository.Root, path)), $"{document} names {path}, which does not exist.");
        }
    }

    [Fact]
    public void Docs_AreAllReachedFromTheReadme()
    {
        string readme = Repository.Read("README.md");
        Assert.All(Repository.Files.Where(f => f.StartsWith("docs/", StringComparison.Ordinal) && f.EndsWith(".md", StringComparison.Ordinal)), f => Assert.Contains($"({f})", readme, StringComparison.Ordinal));
    }

    // [text](path), an anchor aside; not an address on the web.
    [GeneratedRegex(@"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")]
    private static partial Regex Links();

    [GeneratedRegex(@"`((?:src|tests)/[\w./]+\.cs)`")]
    private static partial Regex SourcePaths();
}
