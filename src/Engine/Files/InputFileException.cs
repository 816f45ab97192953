namespace FedLLM.Engine.Files;

/// <summary>
/// A file that was given to the program cannot be used. The message is one line that names the file, the place in it, what is wrong and what to do;
/// it never contains the file's content.
/// </summary>
public sealed class InputFileException : Exception
{
    /// <summary>Describes one defect of one file. Control characters (a path or a tensor name may hold them) are shown as '?', so that the message stays one line.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="place">Where in it (a line, a tensor, a key, a byte offset), or null for the whole file.</param>
    /// <param name="problem">What is wrong, without a final full stop.</param>
    /// <param name="remedy">What the reader can do, as an imperative sentence without a final full stop.</param>
    /// <param name="inner">The cause, if any.</param>
    public InputFileException(string path, string? place, string problem, string remedy, Exception? inner = null)
        : base(Printable(place is null ? $"{path}: {problem}. {remedy}." : $"{path}, {place}: {problem}. {remedy}."), inner)
    {
        Path = path;
        Place = place;
    }

    /// <summary>The file or folder.</summary>
    public string Path { get; }

    /// <summary>Where in it, or null for the whole file.</summary>
    public string? Place { get; }

    /// <summary>Whether the same may succeed later without anybody mending it: somebody else uses the file or folder.</summary>
    public bool MayPass { get; init; }

    /// <summary>Quotes a name found in a file, cut to 120 characters, for a message.</summary>
    internal static string Quote(string name) => name.Length <= 120 ? $"'{name}'" : $"'{name[..117]}...'";

    /// <summary>Lists up to eight quoted names, then the number of the others.</summary>
    internal static string QuoteAll(IReadOnlyCollection<string> names)
    {
        string shown = string.Join(", ", names.Take(8).Select(Quote));
        return names.Count <= 8 ? shown : $"{shown} and {names.Count - 8} more";
    }

    private static string Printable(string text) => text.Any(IsUnprintable)
        ? string.Create(text.Length, text, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = IsUnprintable(source[i]) ? '?' : source[i];
            }
        })
        : text;

    /// <summary>Control characters, the Unicode line ends, and direction marks that would disguise a name.</summary>
    private static bool IsUnprintable(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069');
}
