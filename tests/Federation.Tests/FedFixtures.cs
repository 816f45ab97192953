using FedLLM.TestSupport;

namespace FedLLM.Federation.Tests;

/// <summary>The federation's reference fixtures (<c>fed/</c> under the fixtures root).</summary>
internal static class FedFixtures
{
    /// <summary>Returns the path of a file of the fixtures, or skips the calling test where the root has no such file.</summary>
    public static string Require(string name)
    {
        Skip.If(SharedData.FixturesRoot is null, "The reference fixtures are absent.");
        string path = Path.Combine(SharedData.FixturesRoot!, "fed", name);
        Skip.IfNot(File.Exists(path), $"The fixtures root has no fed/{name}.");
        return path;
    }
}
