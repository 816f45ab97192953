namespace FedLLM.Experiments.RunDirectories;

/// <summary>A run directory cannot be read or written, or what it holds is damaged. The message is one line that names the file, the problem and what to do.</summary>
public sealed class RunStorageException : IOException
{
    /// <summary>Describes one problem of one file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do, as an imperative sentence without a final full stop.</param>
    /// <param name="inner">The cause, if any.</param>
    public RunStorageException(string path, string problem, string remedy, Exception? inner = null)
        : base($"{path}: {problem}. {remedy}.", inner) => Path = path;

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>Whether a file is missing or its bytes are not those that were written; otherwise the operating system refused, and may not the next time.</summary>
    internal bool IsDamage { get; init; }

    /// <summary>Says that a stored file is missing or damaged: an older checkpoint may do without it.</summary>
    internal static RunStorageException Damaged(string path, string problem, Exception? cause = null) =>
        new(path, problem, "Give the same command again: the run continues from its newest whole checkpoint", cause) { IsDamage = true };

    /// <summary>Wraps what the operating system refused while <paramref name="path"/> was written.</summary>
    internal static RunStorageException Unwritable(string path, Exception cause) => cause as RunStorageException ?? new RunStorageException(
        path,
        cause is UnauthorizedAccessException ? "cannot be written: permission denied" : $"cannot be written: {FirstLine(cause)}",
        "Make room or mend the permissions and give the same command again: the run continues from its last checkpoint",
        cause);

    /// <summary>Whether an exception is a refusal of the operating system.</summary>
    internal static bool IsRefusal(Exception e) => e is IOException or UnauthorizedAccessException;

    private static string FirstLine(Exception cause) => cause.Message.Split('\n')[0].TrimEnd('\r', '.');
}
