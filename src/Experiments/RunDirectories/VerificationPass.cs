using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>One pass over a run directory, reading only: from the journal to the checkpoints, from those to the store, and on to what readers see.</summary>
internal sealed class VerificationPass(IRunFiles files, RunPaths paths)
{
    private readonly VerificationFindings _findings = new(files);

    // Per stored file, by name, whether its bytes have the hash it is named by.
    private readonly Dictionary<string, bool> _stored = new(StringComparer.Ordinal);

    /// <summary>Checks everything.</summary>
    /// <exception cref="RunStorageException">A file cannot be read.</exception>
    public RunVerification Check()
    {
        Experiment? experiment = ReadExperiment();
        JournalContent journal = ReadJournal();
        RunEntry? run = journal.Lines.Count == 0 ? null : journal.Lines[0].Entry.Run;
        if (run is null)
        {
            _findings.Damage.Add($"{paths.Journal}: its first line, the run's identity, is missing.");
        }
        else if (experiment is not null
            && ExperimentIdentity.Hash(experiment, new ExperimentInputs(run.Model, run.Data, run.Numerics, run.Reference)) != run.Identity)
        {
            _findings.Damage.Add($"{paths.Experiment}: is not the experiment of the run that the journal began.");
            experiment = null;
        }

        CheckStore();
        SortedDictionary<int, Manifest> manifests = CheckManifests(journal, run);
        int committed = manifests.Count == 0 ? -1 : manifests.Keys.Last();
        CheckPending(journal, committed);
        CheckReceipts(committed);
        RoundRecord[] records = [.. Recovery.LastRecords(journal, int.MaxValue)];
        bool ended = experiment is not null && (committed >= experiment.Federation.Rounds || records.Any(r => r.Round == committed && r.Ended is not null));
        new DerivedFilesCheck(files, paths, _findings).Check(
            experiment, [.. manifests.Values], records, ended, hash => _stored.GetValueOrDefault(hash + FileTensorStore.Extension));
        IReadOnlyList<LineageRound> lineage = RunVerification.LineageOf(journal);
        CheckLineage(lineage, records);
        return new RunVerification(paths.Root, _findings.Damage, _findings.Notes, _findings.Files, _findings.Bytes, lineage);
    }

    private Experiment? ReadExperiment()
    {
        byte[]? bytes = files.ReadWhole(paths.Experiment);
        if (bytes is null)
        {
            _findings.Damage.Add($"{paths.Experiment}: is missing.");
            return null;
        }

        try
        {
            Experiment experiment = ExperimentFile.Parse(bytes, paths.Experiment, paths.Root);
            _findings.Whole(bytes.Length);
            return experiment;
        }
        catch (ExperimentFileException e)
        {
            _findings.Damage.Add($"{paths.Experiment}: is damaged: {e.Errors[0]}");
            return null;
        }
    }

    private JournalContent ReadJournal()
    {
        JournalContent journal = JournalContent.Read(files, paths.Journal);
        if (journal.Defect is { } defect)
        {
            _findings.Damage.Add(defect);
        }
        else
        {
            _findings.Whole(journal.Length);
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
                _findings.Damage.Add($"{path}: was found damaged before and set aside.");
            }
            else if (name.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal))
            {
                _findings.Notes.Add($"{path}: an unfinished file, which the next run deletes.");
            }
            else if (Path.GetExtension(path) is FileTensorStore.Extension or ClientPages.Extension && ContentFolder.IsHash(hash))
            {
                bool whole = files.HashOf(path) == hash;
                _stored[name] = whole;
                if (whole)
                {
                    _findings.Whole(path);
                }
                else
                {
                    _findings.Damage.Add($"{path}: does not have the SHA-256 it is named by: it is damaged.");
                }
            }
            else
            {
                _findings.Notes.Add($"{path}: does not belong to the store.");
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
                _findings.Damage.Add($"{path}: is damaged.");
            }
            else if (manifest.Identity != run?.Identity || !journal.Contains(manifest.JournalBytes, manifest.JournalCheck))
            {
                _findings.Damage.Add($"{path}: the part of the journal that it stands on is damaged or missing.");
            }
            else
            {
                _findings.Whole(path);
                manifests.Add(round, manifest);
                Require(manifest.Hashes, FileTensorStore.Extension, path);
                CheckClients(manifest, path);
            }
        }

        foreach (string path in files.List(paths.Checkpoints).Where(p => p.EndsWith(ContentFolder.DamagedExtension, StringComparison.Ordinal)))
        {
            _findings.Damage.Add($"{path}: was found damaged, or standing on what is, and set aside.");
        }

        int promised = journal.Lines.Select(l => l.Entry.Checkpoint?.Round ?? -1).DefaultIfEmpty(-1).Max();
        if (promised > (manifests.Count == 0 ? -1 : manifests.Keys.Last()) && !files.FileExists(paths.Manifest(promised)))
        {
            _findings.Damage.Add($"{paths.Manifest(promised)}: is missing.");
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
            byte[] bytes = files.ReadWhole(paths.Stored(page, ClientPages.Extension))!;
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

    // One that is not whole stands for nothing: its client trains again.
    private void CheckReceipts(int committed)
    {
        foreach (string path in files.List(paths.Receipts))
        {
            if (path.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal))
            {
                _findings.Notes.Add($"{path}: an unfinished file, which stands for nothing.");
            }
            else if (FileReceiptLog.Read(files, path) is not { } receipt)
            {
                _findings.Damage.Add($"{path}: is damaged; the client trains again.");
            }
            else
            {
                _findings.Whole(path);
                if (receipt.Round > committed)
                {
                    Require(receipt.Hashes, FileTensorStore.Extension, path);
                }
            }
        }
    }

    private void CheckLineage(IReadOnlyList<LineageRound> lineage, RoundRecord[] records)
    {
        foreach ((LineageRound round, RoundRecord record) in lineage.Zip(records))
        {
            if (!round.Members.Select(m => m.Client).SequenceEqual(record.Clients.Select(c => c.Id)))
            {
                _findings.Damage.Add(FormattableString.Invariant($"{paths.Journal}: the members of round {round.Round} are not those of its record."));
            }
        }
    }

    private void Require(IEnumerable<string> hashes, string extension, string needed)
    {
        foreach (string hash in hashes.Distinct().Where(h => !_stored.ContainsKey(h + extension)))
        {
            _findings.Damage.Add($"{paths.Stored(hash, extension)}: is missing; {needed} needs it.");
        }
    }
}
