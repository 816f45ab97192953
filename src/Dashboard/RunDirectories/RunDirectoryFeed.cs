using System.Security.Cryptography;
using System.Text;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>
/// A feed over run directories, and over folders that hold run directories. Their files are read when somebody asks, at most every
/// <see cref="Interval"/>; nothing is locked or written.
/// </summary>
/// <param name="folders">Run directories, and folders whose direct subfolders are.</param>
/// <param name="host">Knows what files do not say.</param>
/// <param name="clock">Times the looks at the files.</param>
public sealed class RunDirectoryFeed(IReadOnlyList<string> folders, IRunDirectoryHost host, TimeProvider clock) : IRunFeed
{
    private readonly Lock _gate = new();
    private readonly string[] _folders = [.. folders.Select(f => Path.TrimEndingDirectorySeparator(Path.GetFullPath(f)))];
    private readonly Dictionary<string, RunFolder> _byPath = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _paths = new(StringComparer.Ordinal); // by id
    private IReadOnlyList<RunView> _runs = [];
    private ClusterView? _cluster;
    private long? _looked;
    private long _version;

    /// <summary>Least time between two looks at the files; 400 ms unless set.</summary>
    public TimeSpan Interval { get; init; } = TimeSpan.FromMilliseconds(400);

    /// <inheritdoc/>
    public long Version
    {
        get
        {
            Look();
            return Volatile.Read(ref _version);
        }
    }

    /// <inheritdoc/>
    public string Source => string.Join(", ", _folders);

    /// <inheritdoc/>
    public IReadOnlyList<RunView> Runs()
    {
        Look();
        return _runs;
    }

    /// <inheritdoc/>
    public RunView? Find(string id) => Runs().FirstOrDefault(r => r.Id == id);

    /// <inheritdoc/>
    public async Task<long> WaitAsync(long version, CancellationToken cancellationToken)
    {
        for (long now = Version; ; now = Version)
        {
            if (now > version)
            {
                return now;
            }

            await Task.Delay(Interval, clock, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public AdapterFiles? OpenAdapter(string id, string? hash)
    {
        if (PathOf(id) is not { } path)
        {
            return null;
        }

        host.Fetch(path, RunArtefacts.NamesOf(hash));
        return RunArtefacts.Open(path, hash);
    }

    /// <inheritdoc/>
    public Stream? OpenRounds(string id) => PathOf(id) is { } path ? RunArtefacts.OpenRounds(path) : null;

    /// <inheritdoc/>
    public ClusterView? Cluster() => host.Cluster;

    /// <inheritdoc/>
    public IRunStarter? Starter => host.Starter is { } starter ? new SeenStarter(starter, Forget) : null;

    /// <inheritdoc/>
    public IRunControl? ControlOf(string id) => PathOf(id) is { } path && host.ControlOf(path) is { } control ? new SeenControl(control, Forget) : null;

    /// <inheritdoc/>
    public ISampler? SamplerOf(string id) => Find(id) is { Permissions.Samples: true } ? host.Sampler : null;

    private string? PathOf(string id)
    {
        Look();
        lock (_gate)
        {
            return _paths.GetValueOrDefault(id);
        }
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_looked is { } last && clock.GetElapsedTime(last) < Interval)
            {
                return;
            }

            ClusterView? cluster = host.Cluster;
            bool changed = FindFolders() | !ReferenceEquals(cluster, _cluster);
            _cluster = cluster;

            // A run of many rounds takes a while to be read for the first time; runs do not wait for one another.
            RunFolder[] unread = [.. _byPath.Values.Where(f => f.View is null)];
            Parallel.ForEach(unread, folder => folder.Refresh(_version + 1));
            foreach (RunFolder folder in _byPath.Values.Except(unread))
            {
                changed |= folder.Refresh(_version + 1);
            }

            _looked = clock.GetTimestamp();
            if (changed)
            {
                _runs = [.. _byPath.Values.Select(f => f.View!).OrderBy(v => v.Id, StringComparer.Ordinal)];
                Volatile.Write(ref _version, _version + 1);
            }
        }
    }

    // What was seen before an action is not shown after it.
    private void Forget()
    {
        lock (_gate)
        {
            _looked = null;
        }
    }

    private bool FindFolders()
    {
        string[] found = [.. _folders.SelectMany(RunsIn).Distinct(StringComparer.Ordinal)];
        bool changed = false;
        foreach (string gone in _byPath.Keys.Except(found, StringComparer.Ordinal).ToArray())
        {
            _paths.Remove(_byPath[gone].Id);
            changed |= _byPath.Remove(gone);
        }

        foreach (string path in found.Where(p => !_byPath.ContainsKey(p)))
        {
            string id = FreeId(path);
            _paths[id] = path;
            _byPath[path] = new RunFolder(id, path, host);
            changed = true;
        }

        return changed;
    }

    private static IEnumerable<string> RunsIn(string folder)
    {
        if (RunFolder.IsRun(folder))
        {
            return [folder];
        }

        try
        {
            return Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Where(RunFolder.IsRun).Order(StringComparer.Ordinal).ToArray() : [];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }

    // The folder's name, and where two share it, a few digits that follow from the path: the same in every process.
    private string FreeId(string path)
    {
        string name = string.Concat(Path.GetFileName(path).Select(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' ? c : '-')).Trim('-', '.');
        name = name.Length == 0 ? "run" : name;
        return _paths.ContainsKey(name) ? $"{name}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(path)))[..8]}" : name;
    }

    /// <summary>Has the runs looked at anew once one has begun.</summary>
    private sealed class SeenStarter(IRunStarter starter, Action done) : IRunStarter
    {
        public async Task<string> StartAsync(string experiment, CancellationToken cancellationToken)
        {
            string id = await starter.StartAsync(experiment, cancellationToken).ConfigureAwait(false);
            done();
            return id;
        }
    }

    /// <summary>Has the runs looked at anew after whatever was done to one.</summary>
    private sealed class SeenControl(IRunControl control, Action done) : IRunControl
    {
        public bool Paused => control.Paused;

        public bool Cancelled => control.Cancelled;

        public Task PauseAsync(CancellationToken cancellationToken) => ActAsync(control.PauseAsync, cancellationToken);

        public Task ResumeAsync(CancellationToken cancellationToken) => ActAsync(control.ResumeAsync, cancellationToken);

        public Task CancelAsync(CancellationToken cancellationToken) => ActAsync(control.CancelAsync, cancellationToken);

        private async Task ActAsync(Func<CancellationToken, Task> act, CancellationToken cancellationToken)
        {
            await act(cancellationToken).ConfigureAwait(false);
            done();
        }
    }
}
