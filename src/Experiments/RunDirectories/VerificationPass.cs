using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>One pass over a run directory, reading only: from the journal to the checkpoints, from those to the store, and on to what readers see.</summary>
internal sealed class VerificationPass(IRunFiles files, RunPaths paths)
{
    private readonly List<string> _damage = [];
    private readonly List<string> _notes = [];

    // Per stored file, by name, whether its bytes have the hash it is named by.
    private readonly Dictionary<string, bool> _stored = new(StringComparer.Ordinal);
    private int _whole;
    private long _bytes;

    /// <summary>Checks everything.</summary>
    /// <exception cref="RunStorageException">A file cannot be read.</exception>
    public RunVerification Check()
    {
        Experiment? experiment = ReadExperiment();
        JournalContent journal = ReadJournal();
        RunEntry? run = journal.Lines.Count == 0 ? null : journal.Lines[0].Entry.Run;
        if (run is null)
        {
            _damage.Add($"{paths.Journal}: its first line, the run's identity, is missing.");
        }
        else if (experiment is not null
            && ExperimentIdentity.Hash(experiment, new ExperimentInputs(run.Model, run.Data, run.Numerics, run.Reference)) != run.Identity)
        {
            _damage.Add($"{paths.Experiment}: is not the experiment of the run that the journal began.");
        }

        CheckStore();
        SortedDictionary<int, Manifest> manifests = CheckManifests(journal, run);
        int committed = manifests.Count == 0 ? -1 : manifests.Keys.Last();
        CheckPending(journal, committed);
        RoundRecord[] records = [.. Recovery.LastRecords(journal, int.MaxValue)];
        bool ended = experiment is not null && (committed >= experiment.Federation.Rounds || records.Any(r => r.Round == committed && r.Ended is not null));
        CheckRounds(records, committed, ended);
        CheckAdapter(manifests, ended);
        IReadOnlyList<LineageRound> lineage = RunVerification.LineageOf(journal);
        CheckLineage(lineage, records);
        return new RunVerification(paths.Root, _damage, _notes, _whole, _bytes, lineage);
    }

    private Experiment? ReadExperiment()
    {
        byte[]? bytes = files.ReadWhole(paths.Experiment);
        if (bytes is null)
        {
            _damage.Add($"{paths.Experiment}: is missing.");
            return null;
        }

        try
        {
            Experiment experiment = ExperimentFile.Parse(bytes, paths.Experiment, paths.Root);
            Count(bytes.Length);
            return experiment;
        }
        catch (ExperimentFileException e)
        {
            _damage.Add($"{paths.Experiment}: is damaged: {e.Errors[0]}");
            return null;
        }
    }

    private JournalContent ReadJournal()
    {
        JournalContent journal = JournalContent.Read(files, paths.Journal);
        if (journal.Defect is { } defect)
        {
            _damage.Add(defect);
        }
        else
        {
            Count(journal.Length);
        }

        return journal;
    }

    private void CheckStore()
    {
        foreach (string path in files.List(paths.Store, folders: true).SelectMany(f => files.List(f)))
        {
            string name = Path.GetFileName(path);
            string hash = Path.GetFileNameWithoutExtension(path);
            if (name.EndsWith(ContentFolder.DamagedExtension, StringComparison.Ordinal))
            {
                _damage.Add($"{path}: was found damaged before and set aside.");
            }
            else if (name.EndsWith(DurableWriting.Unfinished, StringComparison.Ordinal))
            {
                _notes.Add($"{path}: an unfinished file, which the next run deletes.");
            }
            else if (Path.GetExtension(path) is FileTensorStore.Extension or ClientPages.Extension && ContentFolder.IsHash(hash))
            {
                bool whole = files.HashOf(path) == hash;
                _stored[name] = whole;
                if (whole)
                {
                    Count(LengthOf(path));
                }
                else
                {
                    _damage.Add($"{path}: does not have the SHA-256 it is named by: it is damaged.");
                }
            }
            else
            {
                _notes.Add($"{path}: does not belong to the store.");
            }
        }
    }

    private SortedDictionary<int, Manifest> CheckManifests(JournalContent journal, RunEntry? run)
    {
        var manifests = new SortedDictionary<int, Manifest>();
        foreach ((int round, string path) in paths.Manifests(files))
        {
            Manifest? manifest = ManifestFile.Read(files, path, round);
            if (manifest is null)
            {
                _damage.Add($"{path}: is damaged.");
            }
            else if (manifest.Identity != run?.Identity || !journal.Contains(manifest.JournalBytes, manifest.JournalCheck))
            {
                _damage.Add($"{path}: the part of the journal that it stands on is damaged or missing.");
            }
            else
            {
                Count(LengthOf(path));
                manifests.Add(round, manifest);
                Require(manifest.Hashes, FileTensorStore.Extension, path);
                CheckClients(manifest, path);
            }
        }

        foreach (string path in files.List(paths.Checkpoints).Where(p => p.EndsWith(ContentFolder.DamagedExtension, StringComparison.Ordinal)))
        {
            _damage.Add($"{path}: was found damaged, or standing on what is, and set aside.");
        }

        int promised = journal.Lines.Select(l => l.Entry.Checkpoint?.Round ?? -1).DefaultIfEmpty(-1).Max();
        if (promised > (manifests.Count == 0 ? -1 : manifests.Keys.Last()) && !files.FileExists(paths.Manifest(promised)))
        {
            _damage.Add($"{paths.Manifest(promised)}: is missing.");
        }

        return manifests;
    }

    // Pages are read only where they are whole: what has its hash was written by this program.
    private void CheckClients(Manifest manifest, string path)
    {
        string[] pages = [.. manifest.Clients?.Values ?? []];
        Require(pages, ClientPages.Extension, path);
        foreach (string page in pages.Where(p => _stored.GetValueOrDefault(p + ClientPages.Extension)))
        {
            byte[] bytes = files.ReadWhole(StoredPath(page, ClientPages.Extension))!;
            Require(ClientPages.Parse(bytes).SelectMany(client => client.Value.Values), FileTensorStore.Extension, path);
        }
    }

    // What a resumed run will not train again must be there.
    private void CheckPending(JournalContent journal, int committed)
    {
        foreach (JournalEntry entry in journal.Lines.Select(l => l.Entry))
        {
            if (entry.Receipt is { } receipt && receipt.Round > committed)
            {
                Require(receipt.Hashes, FileTensorStore.Extension, FormattableString.Invariant($"{paths.Journal} (round {receipt.Round}, client {receipt.Client})"));
            }
        }
    }

    private void CheckRounds(RoundRecord[] records, int committed, bool ended)
    {
        byte[] found = files.ReadWhole(paths.Rounds) ?? [];
        byte[] must = [.. records.Where(r => r.Round <= committed).SelectMany(RoundLines.ToBytes)];
        byte[] may = [.. records.SelectMany(RoundLines.ToBytes)];
        if (found.AsSpan().SequenceEqual(must))
        {
            Count(found.Length);
        }
        else if (!ended && may.AsSpan().StartsWith(found))
        {
            _notes.Add($"{paths.Rounds}: is not trimmed to the newest checkpoint; the next run does it.");
        }
        else
        {
            _damage.Add($"{paths.Rounds}: does not follow from the journal; the next run writes it anew.");
        }
    }

    private void CheckAdapter(SortedDictionary<int, Manifest> manifests, bool ended)
    {
        if (manifests.Count == 0)
        {
            return;
        }

        string? found = files.HashOf(paths.AdapterWeights);
        Manifest newest = manifests.Values.Last();
        if (newest.BaseCorrection is not null && found is not null)
        {
            // Joined with a base correction, the adapter is none of the stored ones.
            _notes.Add($"{paths.Adapter}: joins the adapter and the base correction of round {newest.Round}; it is not checked against them.");
        }
        else if (found == newest.Adapter && files.FileExists(paths.AdapterConfig))
        {
            Count(LengthOf(paths.AdapterWeights));
        }
        else if (!ended)
        {
            _notes.Add($"{paths.Adapter}: is not the adapter of the newest checkpoint; the next run restores it.");
        }
        else
        {
            _damage.Add($"{paths.Adapter}: is not the adapter of the newest checkpoint; the next run restores it.");
        }
    }

    private void CheckLineage(IReadOnlyList<LineageRound> lineage, RoundRecord[] records)
    {
        foreach ((LineageRound round, RoundRecord record) in lineage.Zip(records))
        {
            if (!round.Members.Select(m => m.Client).SequenceEqual(record.Clients.Select(c => c.Id)))
            {
                _damage.Add(FormattableString.Invariant($"{paths.Journal}: the members of round {round.Round} are not those of its record."));
            }
        }
    }

    private void Require(IEnumerable<string> hashes, string extension, string needed)
    {
        foreach (string hash in hashes.Distinct().Where(h => !_stored.ContainsKey(h + extension)))
        {
            _damage.Add($"{StoredPath(hash, extension)}: is missing; {needed} needs it.");
        }
    }

    private string StoredPath(string hash, string extension) => Path.Combine(paths.Store, hash[..2], hash + extension);

    private void Count(long bytes)
    {
        _whole++;
        _bytes += bytes;
    }

    private long LengthOf(string path)
    {
        using Stream stream = files.OpenRead(path);
        return stream.Length;
    }
}
