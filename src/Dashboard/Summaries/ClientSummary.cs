using System.Runtime.InteropServices;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.Summaries;

/// <summary>One client's part in one round.</summary>
/// <param name="Round">The round.</param>
/// <param name="Member">What it measured; null where it is excluded.</param>
/// <param name="Reason">Why it does not count; null where it does.</param>
public sealed record ClientRound(int Round, MemberRow? Member, string? Reason);

/// <summary>What a client's own held-out data said after one round.</summary>
/// <param name="Round">The round; 0 before the first.</param>
/// <param name="Weight">Of how many scored tokens, or pairs, the values are means.</param>
/// <param name="Global">Measures with the global adapter.</param>
/// <param name="Own">Measures with its own adapter; null where it had none.</param>
public sealed record ClientMeasures(int Round, long Weight, IReadOnlyDictionary<string, double?> Global, IReadOnlyDictionary<string, double?>? Own);

/// <summary>A client over all rounds.</summary>
/// <param name="Card">What it holds.</param>
/// <param name="Sampled">How often it was sampled.</param>
/// <param name="Rounds">Its rounds, ascending.</param>
public sealed record ClientSummary(ClientCard Card, int Sampled, IReadOnlyList<ClientRound> Rounds)
{
    /// <summary>The rounds after which it was measured on its own held-out data, ascending.</summary>
    public IReadOnlyList<ClientMeasures> Measured { get; init; } = [];

    /// <summary>What it was measured by, in the order of the record.</summary>
    public IReadOnlyList<string> Measures => [.. Measured.SelectMany(m => m.Global.Keys).Distinct(StringComparer.Ordinal)];

    /// <summary>Its last finite loss, or null.</summary>
    public double? LastLoss => Rounds.LastOrDefault(r => r.Member?.Loss is not null)?.Member!.Loss;

    /// <summary>How often its update did not count.</summary>
    public int Excluded => Rounds.Count(r => r.Member is null);

    /// <summary>Sums every client of a run up, ascending by id: those that the run describes, and those that took part.</summary>
    public static IReadOnlyList<ClientSummary> Of(RunView run)
    {
        ArgumentNullException.ThrowIfNull(run);
        var rounds = new SortedDictionary<int, List<ClientRound>>();
        var sampled = new Dictionary<int, int>();
        var measured = new Dictionary<int, List<ClientMeasures>>();
        foreach (RoundRow row in run.Rounds)
        {
            foreach (int client in row.Cohort)
            {
                sampled[client] = sampled.GetValueOrDefault(client) + 1;
            }

            foreach (MemberRow member in row.Clients)
            {
                RoundsOf(member.Id).Add(new ClientRound(row.Round, member, null));
            }

            foreach (ExclusionRow exclusion in row.Excluded)
            {
                RoundsOf(exclusion.Client).Add(new ClientRound(row.Round, null, exclusion.Reason));
            }

            foreach (ClientEvaluationRow held in row.ClientEvaluation ?? [])
            {
                (CollectionsMarshal.GetValueRefOrAddDefault(measured, held.Id, out _) ??= []).Add(new ClientMeasures(row.Round, held.Weight, held.Global, held.Own));
            }
        }

        var cards = new Dictionary<int, ClientCard>();
        foreach (ClientCard card in run.Clients)
        {
            cards[card.Id] = card;
        }

        foreach (int id in sampled.Keys.Concat(rounds.Keys).Concat(measured.Keys).Where(id => !cards.ContainsKey(id)).ToArray())
        {
            cards[id] = new ClientCard { Id = id, Name = $"client {id}" };
        }

        return
        [
            .. cards.Values.OrderBy(c => c.Id).Select(c => new ClientSummary(c, sampled.GetValueOrDefault(c.Id), rounds.GetValueOrDefault(c.Id) ?? [])
            {
                Measured = measured.GetValueOrDefault(c.Id) ?? [],
            }),
        ];

        List<ClientRound> RoundsOf(int client)
        {
            if (!rounds.TryGetValue(client, out List<ClientRound>? list))
            {
                rounds[client] = list = [];
            }

            return list;
        }
    }
}
