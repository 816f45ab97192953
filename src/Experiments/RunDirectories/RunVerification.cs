namespace FedLLM.Experiments.RunDirectories;

/// <summary>A member of a round and what it sent.</summary>
/// <param name="Client">Client id, from 0.</param>
/// <param name="Weight">Its aggregation weight.</param>
/// <param name="Update">SHA-256 of its update.</param>
/// <param name="ControlDelta">SHA-256 of its control delta; null where the algorithm has none.</param>
public sealed record LineageMember(int Client, double Weight, string Update, string? ControlDelta);

/// <summary>A round of a run's lineage: these updates of these clients made this adapter of the round before's.</summary>
/// <param name="Round">Round number; 0 is the beginning.</param>
/// <param name="Adapter">SHA-256 of the global state after the round as one adapter, its base correction joined with it.</param>
/// <param name="BaseCorrection">SHA-256 of the base correction after it; null where there is none.</param>
/// <param name="Members">Those whose updates are in it, ascending by id.</param>
/// <param name="Abandoned">Why the round changed nothing; null where it did.</param>
public sealed record LineageRound(int Round, string Adapter, string? BaseCorrection, IReadOnlyList<LineageMember> Members, string? Abandoned);

/// <summary>What checking a run directory from end to end found. Nothing in the directory is changed.</summary>
/// <param name="Root">The directory's absolute path.</param>
/// <param name="Damage">What is damaged or missing, a line each that names the file; empty where the directory is whole.</param>
/// <param name="Notes">What an interruption left and the next <c>fedllm run</c> puts in order, a line each.</param>
/// <param name="Files">How many files were read and found whole.</param>
/// <param name="Bytes">Their length together.</param>
/// <param name="Lineage">Which updates made which adapter, by round, as far as the journal stands.</param>
public sealed record RunVerification(
    string Root, IReadOnlyList<string> Damage, IReadOnlyList<string> Notes, int Files, long Bytes, IReadOnlyList<LineageRound> Lineage)
{
    /// <summary>Checks the run in <paramref name="directory"/>: every file, and that each follows from those it stands on.</summary>
    /// <exception cref="RunStorageException">The directory holds no run, a process works on it, or it cannot be read.</exception>
    public static RunVerification Of(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        var paths = new RunPaths(Path.GetFullPath(directory));
        IRunFiles files = DiskFiles.Instance;
        if (!files.FileExists(paths.Journal) && !files.FileExists(paths.Experiment) && files.List(paths.Checkpoints).Count == 0)
        {
            throw new RunStorageException(paths.Root, "holds no run", "Name a directory that fedllm run made");
        }

        if (LockHolder.Of(paths.Root) is { } holder)
        {
            throw new RunStorageException(paths.Root, $"is being worked on by {holder}", "Wait for it or stop it: its files change meanwhile");
        }

        try
        {
            return new VerificationPass(files, paths).Check();
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e) && e is not RunStorageException)
        {
            throw new RunStorageException(paths.Root, $"cannot be read: {e.Message}", "Check its permissions and the disk", e);
        }
    }

    /// <summary>Returns the lineage that a journal holds: the last record of each round with the last membership before it.</summary>
    internal static IReadOnlyList<LineageRound> LineageOf(JournalContent journal)
    {
        var memberships = new Dictionary<int, MembershipEntry>();
        var rounds = new SortedDictionary<int, LineageRound>();
        foreach (JournalEntry entry in journal.Lines.Select(l => l.Entry))
        {
            if (entry.Membership is { } membership)
            {
                memberships[membership.Round] = membership;
            }
            else if (entry.Round is { } record)
            {
                IEnumerable<ReceiptEntry> members = memberships.TryGetValue(record.Round, out MembershipEntry? closed) ? closed.Members : [];
                rounds[record.Round] = new LineageRound(
                    record.Round,
                    record.Adapter,
                    record.BaseCorrection,
                    [.. members.OrderBy(m => m.Client).Select(m => new LineageMember(m.Client, m.Weight, m.Update, m.ControlDelta?.Hash))],
                    record.Abandoned);
            }
        }

        return [.. rounds.Values];
    }
}
