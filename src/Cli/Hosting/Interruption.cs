using System.Runtime.InteropServices;

namespace FedLLM.Cli.Hosting;

/// <summary>Ctrl-C and termination signals: the first asks the command to end after its current step, the second ends the process at once.</summary>
internal sealed class Interruption : IDisposable
{
    private const string ShowCursor = "\u001b[?25h"; // moving bars hide it (DECTCEM)
    private readonly CancellationTokenSource _source = new();
    private readonly List<PosixSignalRegistration> _registrations = [];
    private int _signals;

    private Interruption()
    {
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Listens until disposed.</summary>
    public static Interruption Listen()
    {
        var interruption = new Interruption();
        foreach (PosixSignal signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM])
        {
            interruption._registrations.Add(PosixSignalRegistration.Create(signal, interruption.Receive));
        }

        return interruption;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
        {
            registration.Dispose();
        }

        _source.Dispose();
    }

    private void Receive(PosixSignalContext context)
    {
        context.Cancel = true;
        if (Interlocked.Increment(ref _signals) > 1)
        {
            if (!Console.IsErrorRedirected)
            {
                Console.Error.Write(ShowCursor);
            }

            Environment.Exit(ExitCode.Interrupted);
        }

        Console.Error.WriteLine();
        Console.Error.WriteLine("Ending after the current step. Once more ends at once.");
        _source.Cancel();
    }
}
