using System.Text;
using FedLLM.Data.Shards;
using FedLLM.Engine.Files;
using FedLLM.Experiments.Clients;
using FedLLM.Experiments.Configuration;

namespace FedLLM.Experiments.RunDirectories;

/// <summary>
/// The directory of one run, held by one process: <c>experiment.yaml</c>, <c>journal.jsonl</c>, <c>rounds.jsonl</c>, <c>clients.json</c>, <c>adapter/</c>,
/// <c>checkpoints/</c> and <c>store/</c>. Opening it recovers the newest whole state.
/// </summary>
public sealed class RunDirectory : IDisposable
{
    private readonly IRunFiles _files;
    private readonly RunPaths _paths;
    private readonly DirectoryLock _lock;

    private RunDirectory(
        IRunFiles files, RunPaths paths, string identity, DirectoryLock held, FileTensorStore store, FileRunJournal journal, IReadOnlyList<string> warnings)
    {
        _files = files;
        _paths = paths;
        Root = paths.Root;
        AdapterFolder = paths.Adapter;
        Identity = identity;
        _lock = held;
        Store = store;
        Journal = journal;
        Warnings = warnings;
    }

    /// <summary>The directory's absolute path.</summary>
    public string Root { get; }

    /// <summary>Where the newest global adapter lies, in PEFT's layout.</summary>
    public string AdapterFolder { get; }

    /// <summary>The experiment's identity, fit for a run id.</summary>
    public string Identity { get; }

    /// <summary>Adapters, server states and updates.</summary>
    public FileTensorStore Store { get; }

    /// <summary>The run's state.</summary>
    public FileRunJournal Journal { get; }

    /// <summary>What was found damaged and is not used, a line each; empty on any other day.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>Opens the directory of a run, or makes one, and locks it until disposed.</summary>
    /// <param name="path">The directory; made if absent.</param>
    /// <param name="experiment">The experiment; one with the same identity may be under way in it.</param>
    /// <param name="inputs">What the experiment's paths hold.</param>
    /// <param name="files">The file system; the operating system's by default.</param>
    /// <exception cref="InputFileException">The directory is another experiment's, somebody else's, or in use.</exception>
    /// <exception cref="RunStorageException">The directory cannot be read or written, or holds no whole state.</exception>
    public static RunDirectory Open(string path, Experiment experiment, ExperimentInputs inputs, IRunFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(inputs);
        files ??= DiskFiles.Instance;
        var paths = new RunPaths(Path.GetFullPath(path));
        RequireOwn(files, paths);
        using var made = new NewFolder(paths.Root);
        DirectoryLock held = DirectoryLock.Take(files, paths, made.Keep);
        FileRunJournal? journal = null;
        JournalFile? lines = null;
        try
        {
            var store = new FileTensorStore(paths.Store, files);
            var clients = new ClientPages(paths.Store, files);
            Recovery recovered = Recovery.Find(files, paths, store, clients);
            if (recovered.Run is not null)
            {
                RequireSame(files, paths, recovered.Run, experiment, inputs);
                RequireRoundsAhead(paths, recovered, experiment);
            }

            string identity = ExperimentIdentity.Hash(experiment, inputs);
            lines = new JournalFile(files, paths.Journal, recovered.Journal);
            Begin(files, paths, lines, recovered, experiment, new RunEntry(identity, inputs.Model, inputs.Data, inputs.Numerics, inputs.Reference));
            var derived = new DerivedFiles(files, paths, StateAdapter.For(experiment), recovered);
            journal = new FileRunJournal(files, paths, store, clients, lines, derived, experiment, identity, recovered);
            made.Keep();
            return new RunDirectory(files, paths, identity, held, store, journal, recovered.Warnings);
        }
        catch (Exception e)
        {
            journal?.Dispose();
            lines?.Dispose();
            held.Dispose();
            if (RunStorageException.IsRefusal(e) && e is not RunStorageException)
            {
                throw RunStorageException.Unwritable(paths.Root, e);
            }

            throw;
        }
    }

    /// <summary>
    /// Opens, for clients that live in other processes than the run's owner, what they share with it: the store, and the log of their receipts. Nothing is locked.
    /// </summary>
    /// <param name="path">The directory.</param>
    /// <param name="files">The file system; the operating system's by default.</param>
    public static (FileTensorStore Store, IReceiptLog Receipts) OpenForClients(string path, IRunFiles? files = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        files ??= DiskFiles.Instance;
        var paths = new RunPaths(Path.GetFullPath(path));
        FileTensorStore store = FileTensorStore.OpenShared(paths.Store, files);
        return (store, new FileReceiptLog(files, paths, store));
    }

    /// <summary>
    /// Lets a run that is about to begin be known: makes its directory and <c>experiment.yaml</c>, where there is none. Whoever opens the directory writes the same bytes.
    /// </summary>
    /// <param name="path">The directory.</param>
    /// <param name="experiment">The experiment.</param>
    /// <param name="files">The file system.</param>
    /// <exception cref="RunStorageException">The directory cannot be written.</exception>
    public static void Announce(string path, Experiment experiment, IRunFiles files)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(files);
        var paths = new RunPaths(Path.GetFullPath(path));
        if (!files.FileExists(paths.Experiment))
        {
            files.CreateFolder(paths.Root);
            files.WriteWhole(paths.Experiment, Encoding.UTF8.GetBytes(ResolvedYaml.Write(experiment)));
        }
    }

    /// <summary>Whether a run has begun in a directory.</summary>
    /// <param name="path">The directory; it need not exist.</param>
    /// <param name="files">The file system.</param>
    public static bool HasBegun(string path, IRunFiles files)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(files);
        return files.FileExists(new RunPaths(Path.GetFullPath(path)).Journal);
    }

    /// <summary>Reads the experiment of a run's directory.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="files">The file system.</param>
    /// <exception cref="InputFileException">It is not there.</exception>
    /// <exception cref="RunStorageException">It cannot be read.</exception>
    /// <exception cref="ExperimentFileException">It is damaged.</exception>
    public static Experiment ReadExperiment(string path, IRunFiles files)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(files);
        var paths = new RunPaths(Path.GetFullPath(path));
        byte[] bytes = files.ReadWhole(paths.Experiment) ?? throw new InputFileException(paths.Experiment, null, "is missing", "Check that all processes share one store");
        return ExperimentFile.Parse(bytes, paths.Experiment, paths.Root);
    }

    /// <summary>Writes <c>clients.json</c>, what is counted in every client's data, where it does not say so already.</summary>
    /// <exception cref="RunStorageException">The operating system refuses.</exception>
    public void WriteClients(IReadOnlyList<ShardReport> reports) => ClientsFile.Write(_files, _paths.Clients, reports);

    /// <inheritdoc/>
    public void Dispose()
    {
        Journal.Dispose();
        _lock.Dispose();
    }

    // A folder that holds files but no run is somebody else's.
    private static void RequireOwn(IRunFiles files, RunPaths paths)
    {
        try
        {
            bool isRun = files.FileExists(paths.Journal) || files.FileExists(paths.Experiment) || files.List(paths.Checkpoints).Count > 0;
            bool isEmpty = files.List(paths.Root).All(f => f == paths.Lock || f == paths.Holder || f == paths.Pinned || f.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal))
                && files.List(paths.Root, folders: true).All(f => f == paths.Store || f == paths.Checkpoints);
            if (!isRun && !isEmpty)
            {
                throw new InputFileException(paths.Root, null, "holds files that belong to no run", "Choose a new or empty directory with --out");
            }
        }
        catch (Exception e) when (RunStorageException.IsRefusal(e))
        {
            throw DirectoryLock.Unusable(paths, e);
        }
    }

    private static void RequireSame(IRunFiles files, RunPaths paths, RunEntry run, Experiment experiment, ExperimentInputs inputs)
    {
        if (ExperimentIdentity.Hash(experiment, inputs) != run.Identity)
        {
            string differing = ReadExperiment(files, paths) is { } stored
                ? string.Join(", ", ExperimentIdentity.Differences(stored, new ExperimentInputs(run.Model, run.Data, run.Numerics, run.Reference), experiment, inputs))
                : "(its experiment.yaml cannot be read)";
            throw new InputFileException(
                paths.Root, null, $"holds the run of a different experiment; what differs: {differing}", "Choose another directory with --out, or restore these values");
        }
    }

    // More rounds carry a run further; with fewer than it has, the result would be another's.
    private static void RequireRoundsAhead(RunPaths paths, Recovery recovered, Experiment experiment)
    {
        if (recovered.State is { } state && state.Round > experiment.Federation.Rounds)
        {
            string problem = FormattableString.Invariant($"holds {state.Round} rounds of this run, which federation.rounds: {experiment.Federation.Rounds} does not have");
            throw new InputFileException(paths.Root, null, problem, "Choose another directory with --out, or give at least as many rounds");
        }
    }

    // The first opening journals the experiment; a later one, that it was opened again and what changed without changing the result.
    private static void Begin(IRunFiles files, RunPaths paths, JournalFile journal, Recovery recovered, Experiment experiment, RunEntry run)
    {
        Experiment? stored = ReadExperiment(files, paths);
        if (stored != experiment)
        {
            files.WriteWhole(paths.Experiment, Encoding.UTF8.GetBytes(ResolvedYaml.Write(experiment)));
        }

        // Set aside, they neither count among the checkpoints that are kept nor are tried again.
        foreach (string manifest in recovered.Unusable)
        {
            files.Rename(manifest, manifest + ContentFolder.DamagedExtension);
        }

        foreach (string leftover in files.List(paths.Root).Concat(files.List(paths.Checkpoints)).Where(f => f.EndsWith(IRunFiles.Unfinished, StringComparison.Ordinal)))
        {
            files.Delete(leftover);
        }

        files.CreateFolder(paths.Store);
        files.SyncFolder(paths.Root);
        if (recovered.Run is null)
        {
            journal.Append(new JournalEntry { Run = run }, durably: true);
        }
        else
        {
            IReadOnlyList<string> changed = stored is null ? [] : ExperimentIdentity.HarmlessDifferences(stored, experiment);
            if (changed.Count > 0 || !(recovered.State?.Round >= experiment.Federation.Rounds))
            {
                journal.Append(new JournalEntry { Resume = new ResumeEntry(recovered.State?.Round ?? -1, changed) }, durably: false);
            }
        }
    }

    private static Experiment? ReadExperiment(IRunFiles files, RunPaths paths)
    {
        try
        {
            return files.ReadWhole(paths.Experiment) is { } bytes ? ExperimentFile.Parse(bytes, paths.Experiment, paths.Root) : null;
        }
        catch (ExperimentFileException)
        {
            // Damaged: what must hold is in the journal, and the file is written anew from the experiment given.
            return null;
        }
    }

    /// <summary>Removes a folder again that did not exist before, unless told to keep it: a refused run leaves nothing behind.</summary>
    private sealed class NewFolder : IDisposable
    {
        private readonly string? _outermost;
        private bool _keep;

        public NewFolder(string path)
        {
            for (string? at = path; at is not null && !Directory.Exists(at) && !File.Exists(at); at = Path.GetDirectoryName(at))
            {
                _outermost = at;
            }
        }

        public void Keep() => _keep = true;

        public void Dispose()
        {
            try
            {
                if (!_keep && _outermost is not null && Directory.Exists(_outermost))
                {
                    Directory.Delete(_outermost, recursive: true);
                }
            }
            catch (Exception e) when (RunStorageException.IsRefusal(e))
            {
                // The error on its way out is the one to report.
            }
        }
    }
}
