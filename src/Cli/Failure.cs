using System.Text;
using FedLLM.Cli.Hosting;
using FedLLM.Engine.Files;
using FedLLM.Engine.Learners;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Federation.Rounds;

namespace FedLLM.Cli;

/// <summary>Tells a failure on standard error, a line for each defect, and finds its exit code.</summary>
internal static class Failure
{
    /// <summary>Reports <paramref name="exception"/>; its stack trace only where <see cref="Terminal.Debug"/> asks for it.</summary>
    /// <param name="exception">What ended the command.</param>
    /// <param name="terminal">Where to.</param>
    /// <param name="interrupted">Whether the user has asked the command to end.</param>
    public static int Report(Exception exception, Terminal terminal, bool interrupted)
    {
        Exception cause = Cause(exception);
        int code = ExitCode.Failed;
        switch (cause)
        {
            case OperationCanceledException when interrupted:
                terminal.Error.WriteLine("Interrupted.");
                return ExitCode.Interrupted;
            case ExperimentFileException file:
                code = ExitCode.Usage;
                foreach (ExperimentFileError error in file.Errors)
                {
                    Tell(terminal, error.ToString());
                }

                break;
            case UsageException or DeviceUnavailableException:
                code = ExitCode.Usage;
                Tell(terminal, cause.Message);
                break;
            case InputFileException or IOException or UnauthorizedAccessException or RunAbandonedException or InsufficientMemoryException or DeviceFailedException:
                Tell(terminal, cause.Message);
                break;
            case OutOfMemoryException:
                Tell(terminal, "there is not enough memory. Use a smaller model, a smaller training.batch_size or fewer training.lanes.");
                break;
            default:
                Tell(terminal, $"internal error, a defect of this program: {cause.GetType().Name}: {cause.Message} Set FEDLLM_DEBUG=1 to see where.");
                break;
        }

        if (terminal.Debug)
        {
            terminal.Error.WriteLine(exception);
        }

        return code;
    }

    /// <summary>Returns <paramref name="text"/> as one line: control characters, which a path or a name may hold, become '?'.</summary>
    public static string OneLine(string text)
    {
        var line = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            line.Append(char.IsControl(c) || c is '\u2028' or '\u2029' ? '?' : c);
        }

        return line.ToString();
    }

    private static void Tell(Terminal terminal, string message) => terminal.Error.WriteLine("error: " + OneLine(message));

    // Parallel work wraps what went wrong; what was merely cancelled because of it is not the cause.
    private static Exception Cause(Exception exception)
    {
        if (exception is not AggregateException aggregate)
        {
            return exception;
        }

        IReadOnlyList<Exception> inner = aggregate.Flatten().InnerExceptions;
        return inner.FirstOrDefault(e => e is not OperationCanceledException) ?? (inner.Count > 0 ? inner[0] : exception);
    }
}
