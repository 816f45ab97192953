using FedLLM.Federation.Rounds;
using Spectre.Console;

namespace FedLLM.Cli.Rendering;

/// <summary>Says where a run that is not new goes on: at which round, or that nothing was left to do.</summary>
internal sealed class BeginningNote(IAnsiConsole console) : IRunObserver
{
    private bool _began;

    /// <inheritdoc/>
    public void RoundStarted(int round, IReadOnlyList<int> cohort)
    {
        if (!_began && round > 1)
        {
            console.WriteLine($"continuing with round {round}");
        }

        _began = true;
    }

    /// <inheritdoc/>
    public void ClientFinished(int round, ClientOutcome outcome)
    {
    }

    /// <inheritdoc/>
    public void RoundCommitted(RoundRecord record) => _began = true;

    /// <summary>The run has ended well.</summary>
    public void End()
    {
        if (!_began)
        {
            console.WriteLine("the run was finished before; this is its result");
        }
    }
}
