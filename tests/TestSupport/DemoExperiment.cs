namespace FedLLM.TestSupport;

/// <summary>The demo's experiment, whose base model and data lie in the repository.</summary>
public static class DemoExperiment
{
    /// <summary>The experiment file.</summary>
    public static string File { get; } = Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml");

    /// <summary>Its folder, where its relative paths start.</summary>
    public static string Folder { get; } = Path.GetDirectoryName(File)!;
}
