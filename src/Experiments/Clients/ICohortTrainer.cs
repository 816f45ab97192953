namespace FedLLM.Experiments.Clients;

/// <summary>Trains several clients of one experiment in this process, whatever its task is. One call at a time.</summary>
public interface ICohortTrainer : IDisposable
{
    /// <summary>Returns a client's aggregation weight: its number of usable samples.</summary>
    int Weight(int client);

    /// <summary>Trains every client for one round; neither their order nor how many train at a time changes an update.</summary>
    /// <param name="clients">The clients.</param>
    /// <param name="start">What a client begins with; asked on any thread.</param>
    /// <param name="terms">What they have in common.</param>
    /// <param name="finished">Hears of each client's update when it is known, on any thread.</param>
    /// <param name="cancellationToken">Stops between optimizer steps.</param>
    Task TrainAsync(
        IReadOnlyList<int> clients, Func<int, ClientStart> start, RoundTerms terms, Action<LocalUpdate> finished, CancellationToken cancellationToken);
}
