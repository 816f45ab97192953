namespace FedLLM.Federation.Rounds;

/// <summary>How a measure is spread over clients.</summary>
/// <param name="Clients">How many clients.</param>
/// <param name="Mean">Plain mean over the clients.</param>
/// <param name="WeightedMean">Mean weighted by their scored tokens or pairs: the value of all their held-out data together.</param>
/// <param name="WorstTenth">The tenth percentile from the worst, by nearest rank: of n clients, the ⌈n / 10⌉-th worst.</param>
/// <param name="Worst">The worst.</param>
public sealed record MeasureSpread(int Clients, double Mean, double WeightedMean, double WorstTenth, double Worst);

/// <summary>What one measure says of the clients of a round, each on its own held-out data.</summary>
/// <param name="Measure">The measure's name.</param>
/// <param name="Global">With the global adapter, over all clients measured.</param>
/// <param name="Own">With each client's own, over those that have one; null where nobody has.</param>
/// <param name="BetterWithOwn">Share of the clients with an own adapter that are better off with it than with the global one; a tie counts a half.</param>
public sealed record PersonalSummary(string Measure, MeasureSpread Global, MeasureSpread? Own, double? BetterWithOwn)
{
    private const string Loss = "loss";

    /// <summary>Summarizes every measure, in the order of the first client's; empty where no client was measured.</summary>
    public static IReadOnlyList<PersonalSummary> Of(IReadOnlyList<ClientEvaluation>? clients)
    {
        if (clients is null || clients.Count == 0)
        {
            return [];
        }

        ClientEvaluation[] having = [.. clients.Where(c => c.Own is not null)];
        return
        [
            .. clients[0].Global.Keys.Select(name => new PersonalSummary(
                name,
                Spread(name, clients, c => c.Global[name]),
                having.Length == 0 ? null : Spread(name, having, c => c.Own![name]),
                having.Length == 0 ? null : having.Sum(c => Better(name, c.Own![name], c.Global[name])) / having.Length)),
        ];
    }

    private static MeasureSpread Spread(string name, IReadOnlyList<ClientEvaluation> clients, Func<ClientEvaluation, double> value)
    {
        // NaN sorts below all numbers; it is the worst there is, of a loss as well.
        double[] fromWorst = [.. clients.Select(value).OrderByDescending(double.IsNaN).ThenBy(v => name == Loss ? -v : v)];
        return new MeasureSpread(
            clients.Count, fromWorst.Sum() / fromWorst.Length, clients.Sum(c => c.Weight * value(c)) / clients.Sum(c => c.Weight),
            fromWorst[((fromWorst.Length + 9) / 10) - 1], fromWorst[0]);
    }

    private static double Better(string name, double own, double global) => own == global ? 0.5 : (name == Loss ? own < global : own > global) ? 1 : 0;
}
