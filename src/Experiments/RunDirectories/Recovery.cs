using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>What a run directory holds that is whole: the newest committed state and the journal up to where it stands.</summary>
/// <param name="Journal">The journal's whole lines.</param>
/// <param name="Run">The journal's first line, or null for a directory whose run has not begun.</param>
/// <param name="Manifests">The whole checkpoints by round, up to the newest usable one.</param>
/// <param name="State">The newest committed state, or null.</param>
/// <param name="Warnings">What was damaged and is not used, a line each.</param>
internal sealed record Recovery(
    JournalContent Journal, RunEntry? Run, SortedDictionary<int, Manifest> Manifests, GlobalState? State, IReadOnlyList<string> Warnings)
{
    /// <summary>The manifests that are not used: damaged, or standing on what is.</summary>
    public IReadOnlyList<string> Unusable { get; private init; } = [];

    private const string StartAfresh = "Delete the directory to start afresh, or restore it from a copy";

    /// <summary>The journal's records of the rounds up to the committed one, each round's last.</summary>
    public IEnumerable<RoundRecord> CommittedRounds() => LastRecords(Journal, State?.Round ?? -1);

    /// <summary>The last record of each round up to <paramref name="lastRound"/>, by round.</summary>
    public static IEnumerable<RoundRecord> LastRecords(JournalContent journal, int lastRound)
    {
        var records = new SortedDictionary<int, RoundRecord>();
        foreach (RoundRecord record in journal.Lines.Select(l => l.Entry.Round).OfType<RoundRecord>().Where(r => r.Round <= lastRound))
        {
            records[record.Round] = record;
        }

        return records.Values;
    }

    /// <summary>Finds the newest whole state: manifest, the journal it stands on, and every stored file it names.</summary>
    /// <exception cref="RunStorageException">There are checkpoints, but no state is whole; or the directory cannot be read.</exception>
    public static Recovery Find(IRunFiles files, RunPaths paths, FileTensorStore store, ClientPages clients)
    {
        var warnings = new List<string>();
        JournalContent journal = JournalContent.Read(files, paths.Journal);
        if (journal.Defect is { } defect)
        {
            warnings.Add(defect);
        }

        RunEntry? run = journal.Lines.Count == 0 ? null : journal.Lines[0].Entry.Run;
        SortedDictionary<int, string> present = paths.Manifests(files);
        int promised = journal.Lines.Select(l => l.Entry.Checkpoint?.Round ?? -1).DefaultIfEmpty(-1).Max();
        if (run is null)
        {
            return present.Count == 0
                ? new Recovery(journal with { Lines = [] }, null, [], null, warnings)
                : throw new RunStorageException(paths.Journal, "is missing, or damaged in its first line, though there are checkpoints", StartAfresh);
        }

        var manifests = new SortedDictionary<int, Manifest>();
        var unusable = new List<string>();
        foreach ((int round, string path) in present)
        {
            Manifest? manifest = ManifestFile.Read(files, path, round);
            if (manifest is null)
            {
                warnings.Add($"{path}: damaged; the checkpoint is not used.");
                unusable.Add(path);
            }
            else if (manifest.Identity != run.Identity || !journal.Contains(manifest.JournalBytes, manifest.JournalCheck))
            {
                warnings.Add($"{path}: the journal it stands on is damaged; the checkpoint is not used.");
                unusable.Add(path);
            }
            else if (DefectOf(manifest, clients) is { } damaged)
            {
                warnings.Add($"{path}: the checkpoint is not used: {damaged}");
                unusable.Add(path);
            }
            else
            {
                manifests.Add(round, manifest);
            }
        }

        if (promised > (present.Count == 0 ? -1 : present.Keys.Last()))
        {
            warnings.Add($"{paths.Manifest(promised)}: missing; an older checkpoint is used.");
        }

        while (manifests.Count > 0)
        {
            Manifest newest = manifests.Values.Last();
            try
            {
                return new Recovery(journal, run, manifests, LoadState(newest, store, clients), warnings) { Unusable = unusable };
            }
            catch (RunStorageException e) when (e.IsDamage)
            {
                unusable.Add(paths.Manifest(newest.Round));
                warnings.Add($"{paths.Manifest(newest.Round)}: the checkpoint is not used: {e.Message}");
                manifests.Remove(newest.Round);
            }
        }

        return present.Count == 0 && promised < 0
            ? new Recovery(journal, run, manifests, null, warnings)
            : throw new RunStorageException(paths.Checkpoints, $"no checkpoint is whole ({string.Join(" ", warnings)})", StartAfresh);
    }

    // What stands in its pages must be known also of a checkpoint that is only kept: the store keeps what it names.
    private static string? DefectOf(Manifest manifest, ClientPages clients)
    {
        try
        {
            _ = clients.StatesOf((manifest.Clients?.Values ?? []).ToHashSet()).Count();
            return null;
        }
        catch (RunStorageException e) when (e.IsDamage)
        {
            return e.Message;
        }
    }

    private static GlobalState LoadState(Manifest manifest, FileTensorStore store, ClientPages clients)
    {
        var server = new Dictionary<string, TensorSet>(StringComparer.Ordinal);
        foreach ((string name, string hash) in manifest.ServerState)
        {
            server.Add(name, store.Get(hash));
        }

        // Private states are read, and verified, when their clients are sampled: here it counts that none is missing.
        IReadOnlyDictionary<int, IReadOnlyDictionary<string, string>> states = clients.Get(manifest.Clients ?? new Dictionary<int, string>());
        foreach ((int client, IReadOnlyDictionary<string, string> own) in states)
        {
            foreach ((string name, string hash) in own.Where(s => !store.Contains(s.Value)))
            {
                throw RunStorageException.Damaged(
                    store.PathOf(hash), FormattableString.Invariant($"is missing: the private state '{name}' of client {client}"));
            }
        }

        return new GlobalState(manifest.Round, store.Get(manifest.Adapter), server, manifest.AbandonedInARow)
        {
            BaseCorrection = manifest.BaseCorrection is { } correction ? store.Get(correction) : null,
            PrivateStates = states,
            BytesMoved = manifest.BytesMoved,
        };
    }
}
