namespace FedLLM.Experiments.Clients;

/// <summary>Deals clients out to a team's lanes.</summary>
/// <param name="training">What a client does in a round.</param>
/// <param name="team">The lanes; disposed with the trainer.</param>
/// <param name="frozen">The base model the lanes train on; disposed with the trainer.</param>
public sealed class CohortTrainer<TSample>(LocalTraining<TSample> training, LaneTeam<TSample> team, FrozenLearner frozen) : ICohortTrainer
{
    /// <inheritdoc/>
    public int Weight(int client) => training.Weight(client);

    /// <inheritdoc/>
    public Task TrainAsync(
        IReadOnlyList<int> clients, Func<int, ClientStart> start, RoundTerms terms, Action<LocalUpdate> finished, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(terms);
        if (frozen.Differs(terms.Correction))
        {
            team.Renew();
            frozen.Correct(terms.Correction);
        }

        return team.RunAsync(
            clients,
            client => training.Work(client, terms.Round),
            (group, some) => training.Train(group, some, [.. some.Select(start)], terms, finished, cancellationToken),
            cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        team.Dispose();
        frozen.Dispose();
    }
}
