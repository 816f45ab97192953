namespace FedLLM.Federation.Rounds;

/// <summary>Implicit rewards in preference learning, β·(log π - log π_ref), as means over a client's pairs of a round, or weighted over a round's members.</summary>
/// <param name="Chosen">Mean reward of the chosen answers.</param>
/// <param name="Rejected">Mean reward of the rejected answers.</param>
/// <param name="Accuracy">Share of pairs whose chosen answer has the larger reward; a tie counts a half.</param>
public sealed record ClientRewards(double Chosen, double Rejected, double Accuracy)
{
    /// <summary>Mean of chosen minus rejected reward.</summary>
    public double Margin => Chosen - Rejected;

    /// <summary>Returns the weighted mean over a round's members; null where one has no rewards, or there are no members.</summary>
    public static ClientRewards? Mean(IReadOnlyList<ClientReceipt> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        double weight = members.Sum(m => m.Weight);
        return members.Count > 0 && members.All(m => m.Metrics.Rewards is not null)
            ? new ClientRewards(Of(r => r.Chosen), Of(r => r.Rejected), Of(r => r.Accuracy))
            : null;

        double Of(Func<ClientRewards, double> value) => members.Sum(m => m.Weight * value(m.Metrics.Rewards!)) / weight;
    }
}
