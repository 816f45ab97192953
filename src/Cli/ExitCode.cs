namespace FedLLM.Cli;

/// <summary>What the process answers: scripts rely on these numbers.</summary>
internal static class ExitCode
{
    /// <summary>What was asked for is done.</summary>
    public const int Done = 0;

    /// <summary>Everything that is neither usage nor an interruption: a file, a disk, a run that failed.</summary>
    public const int Failed = 1;

    /// <summary>The command line or the experiment file cannot be used, or asks for something that is not built yet.</summary>
    public const int Usage = 2;

    /// <summary>Ctrl-C or a termination signal.</summary>
    public const int Interrupted = 130;
}
