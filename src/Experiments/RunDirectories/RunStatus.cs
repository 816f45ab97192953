using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>How far a run is.</summary>
public enum RunState
{
    /// <summary>A process works on it.</summary>
    Running,

    /// <summary>It has rounds left, and nobody works on it: <c>fedllm run</c> continues it.</summary>
    Unfinished,

    /// <summary>All its rounds are done, or its communication budget is spent.</summary>
    Finished,
}

/// <summary>A run as its directory shows it, read without disturbing it.</summary>
public sealed record RunStatus
{
    /// <summary>The run's name.</summary>
    public required string Name { get; init; }

    /// <summary>How far it is.</summary>
    public required RunState State { get; init; }

    /// <summary>The last round done, abandoned ones included: committed, or, while it runs, just ended.</summary>
    public required int Round { get; init; }

    /// <summary>How many rounds it has.</summary>
    public required int Rounds { get; init; }

    /// <summary>The records of the rounds done, from round 0.</summary>
    public required IReadOnlyList<RoundRecord> Records { get; init; }

    /// <summary>The training loss of the last round that had one, or null.</summary>
    public double? TrainLoss { get; init; }

    /// <summary>The last evaluation, or null.</summary>
    public IReadOnlyDictionary<string, double>? LastEvaluation { get; init; }

    /// <summary>The smallest held-out loss with its round, or null.</summary>
    public (int Round, double Loss)? BestLoss { get; init; }

    /// <summary>SHA-256 of the newest global adapter, or null before the first.</summary>
    public string? Adapter { get; init; }

    /// <summary>The process that works on it, or null.</summary>
    public LockHolder? Holder { get; init; }

    /// <summary>Reads the status of the run in <paramref name="directory"/>.</summary>
    /// <exception cref="RunStorageException">The directory holds no run, or cannot be read.</exception>
    /// <exception cref="ExperimentFileException">Its experiment.yaml is damaged.</exception>
    public static RunStatus Read(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        IRunFiles files = DiskFiles.Instance;
        var paths = new RunPaths(Path.GetFullPath(directory));
        byte[] yaml = files.ReadWhole(paths.Experiment)
            ?? throw new RunStorageException(paths.Root, "holds no run (there is no experiment.yaml)", "Name a directory that fedllm run made");
        Experiment experiment = ExperimentFile.Parse(yaml, paths.Experiment, paths.Root);
        LockHolder? holder = LockHolder.Of(paths.Root);

        JournalContent journal = JournalContent.Read(files, paths.Journal);
        int committed = paths.Manifests(files).Where(m => ManifestFile.Read(files, m.Value, m.Key) is not null).Select(m => m.Key).DefaultIfEmpty(-1).Max();
        RoundRecord[] records = [.. Recovery.LastRecords(journal, holder is null ? committed : int.MaxValue)];
        RoundRecord[] evaluated = [.. records.Where(r => r.Evaluation is not null)];
        var losses = evaluated.Where(r => r.Evaluation!.ContainsKey("loss")).Select(r => (r.Round, Loss: r.Evaluation!["loss"])).ToArray();
        return new RunStatus
        {
            Name = experiment.Name,
            State = holder is not null ? RunState.Running : committed >= experiment.Federation.Rounds || records is [.., { Ended: not null }] ? RunState.Finished : RunState.Unfinished,
            Round = records.Length == 0 ? 0 : records[^1].Round,
            Rounds = experiment.Federation.Rounds,
            Records = records,
            TrainLoss = records.LastOrDefault(r => r.TrainLoss is not null)?.TrainLoss,
            LastEvaluation = evaluated.LastOrDefault()?.Evaluation,
            BestLoss = losses.Length == 0 ? null : losses.MinBy(l => double.IsNaN(l.Loss) ? double.PositiveInfinity : l.Loss),
            Adapter = records.LastOrDefault()?.Adapter,
            Holder = holder,
        };
    }
}
