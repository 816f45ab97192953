namespace FedLLM.Grains;

/// <summary>What is said of a finished run whose directory is not there any more.</summary>
public static class LostDirectory
{
    /// <summary>Returns it, to be put behind the run's name.</summary>
    /// <param name="adapter">SHA-256 of the run's adapter.</param>
    /// <param name="directory">Where its directory was.</param>
    public static string Describe(string adapter, string directory) =>
        $"is finished, with the adapter {adapter}, but its directory is gone: {directory}. Restore it from a copy, or resume the run: it then begins again.";
}
