namespace FedLLM.TestSupport;

/// <summary>
/// Finds the shared data and the reference fixtures: <c>FEDLLM_SHARED</c> (default: <c>shared</c> beside the repository root) and
/// <c>FEDLLM_FIXTURES</c> (default: its <c>fixtures</c>). Set but missing is a failure; unset and absent is a visible skip.
/// </summary>
public static class SharedData
{
    /// <summary>The shared folder, or null where it is absent.</summary>
    public static string? Root { get; } = Locate("FEDLLM_SHARED", Path.Combine(Path.GetDirectoryName(RepositoryRoot())!, "shared"));

    /// <summary>The root of the reference fixtures, or null where it is absent.</summary>
    public static string? FixturesRoot { get; } = Locate("FEDLLM_FIXTURES", Root is null ? null : Path.Combine(Root, "fixtures"));

    /// <summary>Returns the path of a shared file or folder, or skips the calling test where the shared data is absent.</summary>
    public static string Require(params string[] parts)
    {
        Skip.If(Root is null, "The shared data is absent (FEDLLM_SHARED is not set and there is no 'shared' beside the repository).");
        string path = Path.Combine([Root!, .. parts]);
        Assert.True(File.Exists(path) || Directory.Exists(path), $"{path} is missing from the shared data.");
        return path;
    }

    /// <summary>Folders under the fixtures root that hold a model case (<c>fixtures.json</c>); empty where the fixtures are absent.</summary>
    public static IReadOnlyList<string> ModelCases() => FixturesRoot is null
        ? []
        : [.. Directory.EnumerateDirectories(FixturesRoot).Where(d => File.Exists(Path.Combine(d, "fixtures.json"))).Order(StringComparer.Ordinal)];

    /// <summary>The repository's root: the nearest folder above the test assembly that holds the solution.</summary>
    public static string RepositoryRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "FedLLM.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("No folder above the test assembly holds FedLLM.sln.");
    }

    private static string? Locate(string variable, string? fallback)
    {
        string? value = Environment.GetEnvironmentVariable(variable);
        if (!string.IsNullOrEmpty(value))
        {
            return Directory.Exists(value) ? value : throw new DirectoryNotFoundException($"{variable} names {value}, which does not exist.");
        }

        return fallback is not null && Directory.Exists(fallback) ? fallback : null;
    }
}
