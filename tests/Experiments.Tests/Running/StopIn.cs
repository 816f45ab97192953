using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>Cancels a run once some clients of a round have finished.</summary>
internal sealed class StopIn(int round, int clients = 1) : IRunObserver
{
    private readonly CancellationTokenSource _source = new();
    private int _finished;

    public CancellationToken Token => _source.Token;

    public void RoundStarted(int started, IReadOnlyList<int> cohort)
    {
    }

    public void ClientFinished(int of, ClientOutcome outcome)
    {
        if (of == round && ++_finished == clients)
        {
            _source.Cancel();
        }
    }

    public void RoundCommitted(RoundRecord record)
    {
    }
}
