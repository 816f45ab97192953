using System.Globalization;
using FedLLM.Evaluation.Statistics;
using FedLLM.Evaluation.Suites;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Benchmarks;

/// <summary>
/// Held-out preferences by implicit reward: the federated adapter's accuracy with its 95 % bootstrap interval and margin, against every client alone, and the
/// paired differences. The base model is at 0.5 by definition.
/// </summary>
internal sealed class PreferenceTable : IComparisonTable
{
    private readonly List<(string Seed, PreferenceComparison Measured)> _seeds = [];
    private readonly List<string> _notes = [];

    /// <inheritdoc/>
    public void Add(string seed, PreparedExperiment prepared, string directory)
    {
        RunResult run = new ExperimentRunner(prepared, TimeProvider.System).RunAsync(directory, [], default).GetAwaiter().GetResult();
        Console.Error.WriteLine($"seed {seed}: the federated run is done");
        _seeds.Add((
            seed,
            PreferenceComparison.MeasureAsync(
                prepared, run.Adapter, TimeProvider.System, client => Console.Error.WriteLine($"seed {seed}: client {client} is done"), default).GetAwaiter().GetResult()));
        string curve = string.Join(
            ", ",
            run.Rounds.Where(r => r.Evaluation is not null).Select(r => Format($"{r.Round}: {r.Evaluation!["preference_accuracy"]:F3} ({r.Evaluation["preference_margin"]:F4})")));
        RoundRecord last = run.Rounds[^1];
        _notes.Add(Format(
            $"Seed {seed}, held-out accuracy (margin) by round: {curve}. On the pairs trained on in the last round: {last.Rewards!.Accuracy:F3} ({last.Rewards.Margin:F4})."));
    }

    /// <inheritdoc/>
    public void Write(TextWriter text)
    {
        text.WriteLine("| Seed | steps | held-out pairs | federated: accuracy (95 %) | margin | per token: accuracy | best client alone (95 %) | margin | mean of the clients alone (95 %) | margin |");
        text.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        foreach ((string seed, PreferenceComparison measured) in _seeds)
        {
            Row(text, seed, [measured]);
        }

        PreferenceComparison[] all = [.. _seeds.Select(s => s.Measured)];
        if (all.Length > 1)
        {
            Row(text, "all", all);
        }

        double[] federated = [.. all.SelectMany(m => m.Federated.Reward!.Wins)];
        double[] best = [.. all.SelectMany(m => Best(m).Reward!.Wins)];
        double[] mean = [.. all.SelectMany(Mean)];
        text.WriteLine();
        text.WriteLine($"Over all seeds' pairs, the federated adapter: {Verdict(federated)}; the best client alone: {Verdict(best)}; the clients' mean: {Verdict(mean)}.");
        text.WriteLine();
        text.WriteLine($"Paired differences in accuracy, over all seeds' pairs: federated - best client alone {Difference(federated, best)}; federated - mean of the clients alone {Difference(federated, mean)}.");
        text.WriteLine();
        _notes.ForEach(text.WriteLine);
        text.WriteLine();
        text.WriteLine(
            "Accuracy is the share of held-out pairs whose chosen answer has the larger implicit reward against the base model, a tie counting a half; the margin is the mean difference of the rewards. "
            + $"Intervals are bootstraps over pairs ({Bootstrap.Resamples} resamples): they do not cover the draw of clients and batches, which the seeds show, and pairs that several seeds hold out count for each. "
            + "Every client alone takes as many optimizer steps as the whole federation; the best one is chosen on the held-out pairs, in its favour.");
    }

    private static void Row(TextWriter text, string seed, IReadOnlyList<PreferenceComparison> measured)
    {
        double[] Wins(Func<PreferenceComparison, IEnumerable<double>> of) => [.. measured.SelectMany(of)];
        double Margin(Func<PreferenceComparison, double> of)
            => measured.Sum(m => m.Federated.Pairs * of(m)) / measured.Sum(m => m.Federated.Pairs);
        string chosen = measured.Count == 1 ? Format($" (client {BestClient(measured[0])})") : string.Empty;
        text.WriteLine(Format(
            $"| {seed} | {measured[0].Steps} | {measured.Sum(m => m.Federated.Pairs)} | {Accuracy(Wins(m => m.Federated.Reward!.Wins))} | {Margin(m => m.Federated.Reward!.Margin):F4} | {Wins(m => m.Federated.NormalizedReward!.Wins).Average():F3} | {Accuracy(Wins(m => Best(m).Reward!.Wins))}{chosen} | {Margin(m => Best(m).Reward!.Margin):F4} | {Accuracy(Wins(Mean))} | {Margin(m => m.Local.Average(l => l.Reward!.Margin)):F4} |"));
    }

    private static string Accuracy(double[] wins)
    {
        Interval interval = Bootstrap.OfMean(wins);
        return Format($"{wins.Average():F3} ({interval.Low:F3} to {interval.High:F3})");
    }

    private static string Verdict(double[] wins)
    {
        Interval interval = Bootstrap.OfMean(wins);
        string side = interval.Low > 0.5 ? "lies above 0.5" : interval.High < 0.5 ? "lies below 0.5" : "holds 0.5, so that it cannot be told from chance";
        return Format($"the interval {interval.Low:F3} to {interval.High:F3} {side}");
    }

    private static string Difference(double[] a, double[] b)
    {
        double[] differences = [.. a.Zip(b, (x, y) => x - y)];
        Interval interval = Bootstrap.OfMean(differences);
        return Format($"{differences.Average():F3} ({interval.Low:F3} to {interval.High:F3})");
    }

    private static int BestClient(PreferenceComparison measured) => Enumerable.Range(0, measured.Local.Count).MaxBy(c => measured.Local[c].Reward!.Accuracy);

    private static PreferenceResult Best(PreferenceComparison measured) => measured.Local[BestClient(measured)];

    // By pair, the share of the clients that get it right.
    private static IEnumerable<double> Mean(PreferenceComparison measured)
        => Enumerable.Range(0, measured.Federated.Pairs).Select(pair => measured.Local.Average(l => l.Reward!.Wins[pair]));

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
