using System.Globalization;
using System.Text;

namespace FedLLM.Experiments.Configuration;

/// <summary>One defect of an experiment file or of a <c>--set</c> override. It names keys and lines, never values.</summary>
/// <param name="File">The file, or <c>--set</c>.</param>
/// <param name="Line">Line from 1, or 0 where the defect has no line (a missing key, a default, an override).</param>
/// <param name="Path">The key's path (<c>lora.rank</c>), or empty for the whole file.</param>
/// <param name="Message">What is wrong and what to write instead, in one line.</param>
public sealed record ExperimentFileError(string File, int Line, string Path, string Message)
{
    /// <summary>Returns the defect in one line: <c>file:line: path: message</c>.</summary>
    public override string ToString()
    {
        var text = new StringBuilder(File);
        if (Line > 0)
        {
            text.Append(':').Append(Line.ToString(CultureInfo.InvariantCulture));
        }

        text.Append(": ");
        if (Path.Length > 0)
        {
            text.Append(Path).Append(": ");
        }

        return text.Append(Message).ToString();
    }
}

/// <summary>An experiment file cannot be used. It carries every defect found, in the file's order, so that one pass mends them all.</summary>
public sealed class ExperimentFileException : Exception
{
    /// <summary>Makes an exception of all <paramref name="errors"/> of a file.</summary>
    /// <exception cref="ArgumentException">There is no error.</exception>
    public ExperimentFileException(IReadOnlyList<ExperimentFileError> errors)
        : base(string.Join(Environment.NewLine, errors ?? throw new ArgumentNullException(nameof(errors))))
    {
        Errors = errors.Count > 0 ? errors : throw new ArgumentException("At least one error is needed.", nameof(errors));
    }

    /// <summary>Every defect, at least one.</summary>
    public IReadOnlyList<ExperimentFileError> Errors { get; }
}
