namespace FedLLM.Engine.Files;

/// <summary>
/// A file that was given to the program cannot be used. The message is one line that names the file, the place in it, what is wrong and what to do;
/// it never contains the file's content.
/// </summary>
public sealed class InputFileException : Exception
{
    /// <summary>Describes one defect of one file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="place">Where in it (a line, a tensor, a key, a byte offset), or null for the whole file.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do, as an imperative sentence without a final full stop.</param>
    /// <param name="inner">The cause, if any.</param>
    public InputFileException(string path, string? place, string problem, string remedy, Exception? inner = null)
        : base(place is null ? $"{path}: {problem}. {remedy}." : $"{path}, {place}: {problem}. {remedy}.", inner)
    {
        Path = path;
        Place = place;
    }

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>Where in it, or null for the whole file.</summary>
    public string? Place { get; }
}
