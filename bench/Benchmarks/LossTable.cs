using System.Diagnostics;
using System.Globalization;
using FedLLM.Experiments.Running;
using FedLLM.Federation.Rounds;

namespace FedLLM.Benchmarks;

/// <summary>Held-out losses of the base model, of the federated adapter and of every client alone.</summary>
internal sealed class LossTable : IComparisonTable
{
    private readonly List<string> _rows = [];
    private readonly List<string> _curves = [];

    /// <inheritdoc/>
    public void Add(string seed, PreparedExperiment prepared, string directory)
    {
        long start = Stopwatch.GetTimestamp();
        RunResult run = new ExperimentRunner(prepared, TimeProvider.System).RunAsync(directory, [], default).GetAwaiter().GetResult();
        double federatedSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        start = Stopwatch.GetTimestamp();
        LocalComparison losses = LocalComparison.MeasureAsync(prepared, run.Adapter, TimeProvider.System, null, default).GetAwaiter().GetResult();
        double localSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        double median = losses.Local.Order().ElementAt(losses.Local.Count / 2);
        _rows.Add(string.Create(
            CultureInfo.InvariantCulture,
            $"| {seed} | {losses.Steps} | {losses.Base:F4} | {losses.Federated:F4} | {losses.BestLocal:F4} (client {losses.BestClient}) | {median:F4} | {losses.Federated / losses.Base:F3} | {losses.Federated / losses.BestLocal:F3} | {federatedSeconds:F0} | {localSeconds:F0} |"));
        _curves.Add(string.Create(CultureInfo.InvariantCulture, $"Seed {seed}, held-out loss by round: {Curve(run.Rounds)}"));
    }

    /// <inheritdoc/>
    public void Write(TextWriter text)
    {
        text.WriteLine("| Seed | steps | base | federated | best client alone | median alone | federated / base | federated / best alone | run, s | all clients alone, s |");
        text.WriteLine("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
        _rows.ForEach(text.WriteLine);
        text.WriteLine();
        _curves.ForEach(text.WriteLine);
    }

    private static string Curve(IReadOnlyList<RoundRecord> rounds) => string.Join(
        ", ", rounds.Where(r => r.Evaluation is not null).Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Round}: {r.Evaluation!["loss"]:F4}")));
}
