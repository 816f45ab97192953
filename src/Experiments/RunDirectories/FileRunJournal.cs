using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// Keeps a run in its directory. A round is committed by one manifest file, durably renamed into place; before it, the journal and everything the
/// manifest names are on the disk; after it, what readers see follows and old files go. A kill between any two operations loses no committed round.
/// </summary>
public sealed class FileRunJournal : IRunJournal, IReceiptLog, IDisposable
{
    private readonly Lock _gate = new();
    private readonly IRunFiles _files;
    private readonly RunPaths _paths;
    private readonly FileTensorStore _store;
    private readonly ClientPages _clients;
    private readonly JournalFile _journal;
    private readonly DerivedFiles _derived;
    private readonly CheckpointOptions _options;
    private readonly int _rounds;
    private readonly string _identity;
    private readonly SortedDictionary<int, Manifest> _manifests;
    private readonly PendingRounds _pending;
    private readonly FileReceiptLog _receipts;
    private GlobalState? _state;

    internal FileRunJournal(
        IRunFiles files, RunPaths paths, FileTensorStore store, ClientPages clients, JournalFile journal, DerivedFiles derived, Experiment experiment, string identity,
        Recovery recovered)
    {
        _files = files;
        _paths = paths;
        _store = store;
        _clients = clients;
        _journal = journal;
        _derived = derived;
        _options = experiment.Checkpoint;
        _rounds = experiment.Federation.Rounds;
        _identity = identity;
        _manifests = recovered.Manifests;
        _state = recovered.State;
        _pending = new PendingRounds(store, _options.KeepUpdates);
        foreach (JournalEntry entry in recovered.Journal.Lines.Select(l => l.Entry))
        {
            _pending.Remember(entry);
        }

        _pending.ForgetTo(CommittedRound);

        // A client in another process stores its update before its receipt: while some may be between the two, what nobody names yet is let lie until the next
        // checkpoint, which covers it or does without.
        _receipts = new FileReceiptLog(files, paths, store);
        if (!_receipts.Exists || CommittedRound >= _rounds)
        {
            CollectStore();
        }
    }

    private int CommittedRound => _manifests.Count == 0 ? -1 : _manifests.Keys.Last();

    /// <inheritdoc/>
    public GlobalState? Load() => _state;

    /// <summary>
    /// Journals, durably, that a client's update is stored. A client that is asked again in that round, after an interruption, is answered by
    /// <see cref="FindReceipt"/> and does not train again.
    /// </summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void RecordReceipt(RoundInstruction instruction, ClientReceipt receipt)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(receipt);
        lock (_gate)
        {
            Append(new JournalEntry { Receipt = ReceiptEntry.From(instruction.Round, InstructionFingerprint.Of(instruction, receipt.Client), receipt) }, durably: true);
        }
    }

    /// <summary>Returns a client's receipt of an uncommitted round, where its update is stored and whole; null otherwise.</summary>
    public ClientReceipt? FindReceipt(RoundInstruction instruction, int client)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        lock (_gate)
        {
            return _pending.Receipt(instruction, client) ?? _receipts.FindReceipt(instruction, client);
        }
    }

    /// <summary>
    /// Returns the members of a round whose membership was closed before an interruption, or null; null also where a member's update is not whole any more,
    /// so that its client is asked again.
    /// </summary>
    public IReadOnlyList<ClientOutcome>? ClosedMembership(RoundInstruction instruction)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        lock (_gate)
        {
            return _pending.Membership(instruction);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void CloseMembership(RoundInstruction instruction, IReadOnlyList<ClientOutcome> outcomes)
    {
        ArgumentNullException.ThrowIfNull(instruction);
        ArgumentNullException.ThrowIfNull(outcomes);
        var membership = new MembershipEntry(
            instruction.Round,
            InstructionFingerprint.Of(instruction),
            [.. outcomes.OfType<ClientReceipt>().Select(r => ReceiptEntry.From(instruction.Round, string.Empty, r))],
            [.. outcomes.OfType<ClientExclusion>().Select(e => new ExclusionEntry(e.Client, e.Reason))]);
        lock (_gate)
        {
            Append(new JournalEntry { Membership = membership }, durably: true);
        }
    }

    /// <inheritdoc/>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    /// <exception cref="ArgumentException">The record is not that of the state.</exception>
    public void Commit(GlobalState state, RoundRecord record)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(record);
        if (state.Round != record.Round)
        {
            throw new ArgumentException("The record is of another round than the state.", nameof(record));
        }

        lock (_gate)
        {
            try
            {
                CommitInOrder(state, record);
            }
            catch (Exception e) when (RunStorageException.IsRefusal(e))
            {
                throw RunStorageException.Unwritable(_paths.Root, e);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _derived.Dispose();
        _journal.Dispose();
    }

    private void CommitInOrder(GlobalState state, RoundRecord record)
    {
        // 1. Everything the manifest will name is on the disk.
        bool checkpoint = state.Round % _options.Every == 0 || state.Round >= _rounds || record.Ended is not null;
        Manifest? manifest = checkpoint ? Store(state, record) : null;

        // 2. The journal holds the round.
        (long end, string check) = Append(new JournalEntry { Round = record }, durably: checkpoint);
        if (manifest is not null)
        {
            // 3. The commit point.
            WriteManifest(manifest with { JournalBytes = end, JournalCheck = check });
        }

        // 4. What readers see follows.
        _state = state;
        _derived.Append(record);
        if (manifest is not null)
        {
            _derived.WriteAdapter(state);

            // 5. What nothing needs any more goes.
            PruneManifests();
            _pending.ForgetTo(CommittedRound);
            CollectStore();
        }
    }

    private Manifest Store(GlobalState state, RoundRecord record)
    {
        string adapter = _store.Put(state.Adapter);
        string? correction = state.BaseCorrection is null ? null : _store.Put(state.BaseCorrection);
        if ((correction is null && adapter != record.Adapter) || correction != record.BaseCorrection)
        {
            throw new ArgumentException("The record names another adapter or base correction than the state's.", nameof(record));
        }

        var server = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string name, TensorSet tensors) in state.ServerState)
        {
            server.Add(name, _store.Put(tensors));
        }

        SortedDictionary<int, string> clients = _clients.Put(state.PrivateStates);
        return new Manifest(_identity, state.Round, adapter, server, state.AbandonedInARow, 0, string.Empty, record)
        {
            BaseCorrection = correction,
            Clients = clients.Count == 0 ? null : clients,
            BytesMoved = state.BytesMoved,
        };
    }

    private void WriteManifest(Manifest manifest)
    {
        _files.CreateFolder(_paths.Checkpoints);
        _files.SyncFolder(_paths.Root);
        string check = ManifestFile.Write(_files, _paths.Manifest(manifest.Round), manifest);
        _manifests[manifest.Round] = manifest;
        Append(new JournalEntry { Checkpoint = new CheckpointEntry(manifest.Round, check) }, durably: false);
    }

    private (long End, string Check) Append(JournalEntry entry, bool durably)
    {
        (long, string) place = _journal.Append(entry, durably);
        _pending.Remember(entry);
        return place;
    }

    private void PruneManifests()
    {
        SortedDictionary<int, string> present = _paths.Manifests(_files);
        foreach ((int round, string path) in present.Take(Math.Max(0, present.Count - _options.Keep)))
        {
            _files.Delete(path);
            _manifests.Remove(round);
        }
    }

    private void CollectStore()
    {
        HashSet<string> pages = [.. _manifests.Values.SelectMany(m => m.Clients?.Values ?? [])];
        ILookup<bool, (string Path, ReceiptEntry Entry)> receipts = _receipts.List().ToLookup(r => r.Entry.Round > CommittedRound);
        HashSet<string> tensors =
        [
            .. _pending.Hashes, .. _manifests.Values.SelectMany(m => m.Hashes), .. _clients.StatesOf(pages), .. receipts[true].SelectMany(r => r.Entry.Hashes),
        ];
        _store.Collect(tensors, receipts[false].SelectMany(r => r.Entry.Hashes));
        _clients.Collect(pages);
        _receipts.Delete(receipts[false].Select(r => r.Path));
    }
}
