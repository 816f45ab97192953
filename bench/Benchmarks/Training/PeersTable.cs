using System.Globalization;

namespace FedLLM.Benchmarks.Training;

/// <summary>The table of a comparison: a row for each process that took part in a case. It may be filled case by case, in several runs on one machine.</summary>
internal sealed class PeersTable(string? path, int threads)
{
    private const string Columns = "| case | trainer | tokens a turn | tokens/s | ours / this | peak memory, MiB | of the FMA peak | losses differ by |";
    private const string VersionsLabel = "Versions: ";
    private readonly Dictionary<string, string[]> _rows = [];
    private readonly SortedSet<string> _versions = new(StringComparer.Ordinal);

    /// <summary>Adds what a case's contestants did; ours comes first.</summary>
    /// <param name="work">The case.</param>
    /// <param name="contestants">Those who took part.</param>
    /// <param name="operations">Useful floating-point operations of a turn.</param>
    /// <param name="tolerance">Largest relative difference of a loss between float32 contestants.</param>
    /// <returns>Whether all float32 contestants did the same work.</returns>
    public bool Add(TrainingCase work, IReadOnlyList<Contestant> contestants, double operations, double tolerance)
    {
        Contestant ours = contestants[0];
        bool equal = true;
        var rows = new List<string>();
        foreach (Contestant contestant in contestants)
        {
            double ratio = Contestant.Median(contestant.Turns.Zip(ours.Turns, (theirs, own) => theirs.Seconds / own.Seconds));
            double share = Contestant.Median(contestant.Turns.Zip(ours.Turns, (theirs, own) => operations / theirs.Seconds / own.FmaPeak));
            double difference = contestant.Turns.Max(t => Difference(t.Losses, ours.Turns[0].Losses));
            if (contestant.IsFloat32 && !(difference <= tolerance))
            {
                equal = false;
                Console.Error.WriteLine($"{work.Name}: the losses of {contestant.Name} differ by {difference:E1}: {string.Join(' ', contestant.Turns[0].Losses)} against {string.Join(' ', ours.Turns[0].Losses)}");
            }

            _versions.Add(contestant.Versions);
            rows.Add(string.Create(
                CultureInfo.InvariantCulture,
                $"| {work.Name} | {contestant.Name} | {work.Tokens} | {work.Tokens / contestant.Seconds:F0} | {(contestant == ours ? "" : $"{ratio:F2}")} | {contestant.PeakMemory / (1 << 20)} | {share:P0} | {(contestant == ours ? "" : $"{difference:E1}")} |"));
        }

        _rows[work.Name] = [.. rows];
        return equal;
    }

    /// <summary>Returns the table, and writes it to its file with the rows that the file has of other cases on the same machine.</summary>
    public string Write()
    {
        string machine = Machine.Describe();
        if (path is not null && File.Exists(path) && File.ReadAllText(path).Contains(machine, StringComparison.Ordinal))
        {
            Keep(File.ReadAllLines(path));
        }

        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        text.WriteLine("# Training against PyTorch");
        text.WriteLine();
        text.WriteLine($"`dotnet run -c Release --project bench/Benchmarks -- peers --python \"…\"`, {machine}; {threads} threads.");
        text.WriteLine($"A row is a process; those of a case trained in turns, of which the medians are shown. The peers: [bench/peers](../peers/README.md).");
        text.WriteLine($"{VersionsLabel}{string.Join("; ", _versions)}.");
        text.WriteLine();
        text.WriteLine(Columns);
        text.WriteLine("|---|---|---:|---:|---:|---:|---:|---:|");
        foreach (string row in TrainingCases.All.SelectMany(c => _rows.GetValueOrDefault(c.Name, [])))
        {
            text.WriteLine(row);
        }

        text.WriteLine();
        foreach ((string name, string work) in TrainingCases.All.Where(c => _rows.ContainsKey(c.Name)))
        {
            text.WriteLine($"- `{name}`: {work}.");
        }

        if (path is not null)
        {
            File.WriteAllText(path, text.ToString());
        }

        return text.ToString();
    }

    private static double Difference(double[] losses, double[] ours)
        => losses.Length == ours.Length ? losses.Zip(ours, (a, b) => Math.Abs(a - b) / Math.Abs(b)).Max() : double.PositiveInfinity;

    private void Keep(string[] lines)
    {
        foreach ((string name, _) in TrainingCases.All)
        {
            string[] rows = [.. lines.Where(l => l.StartsWith($"| {name} |", StringComparison.Ordinal))];
            if (rows.Length > 0)
            {
                _rows.TryAdd(name, rows);
            }
        }

        foreach (string line in lines.Where(l => l.StartsWith(VersionsLabel, StringComparison.Ordinal)))
        {
            _versions.UnionWith(line[VersionsLabel.Length..].TrimEnd('.').Split("; "));
        }
    }
}
