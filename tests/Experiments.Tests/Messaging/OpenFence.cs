using FedLLM.Experiments.Coordination;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.Tests.Messaging;

/// <summary>Lets everyone commit.</summary>
internal sealed class OpenFence : ICommitFence
{
    public int LastRound => -1;

    public void Pass(GlobalState state, RoundRecord record)
    {
    }
}
