using System.Text;
using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>One run directory, read while another process may write it: what was read before is kept, and only what is new is read.</summary>
internal sealed class RunFolder
{
    private readonly string _root;
    private readonly IRunDirectoryHost _host;
    private readonly LineFollower _roundLines;
    private readonly JournalFollower _journal;
    private readonly WholeFile _experiment;
    private readonly WholeFile _clients;
    private readonly List<RoundRow> _rounds = [];
    private int _badLines;
    private string? _text;
    private IReadOnlyDictionary<string, string>? _settings;
    private IReadOnlyList<ClientCard> _cards = [];
    private readonly List<string> _problems = [];
    private HostedState? _state;

    public RunFolder(string id, string root, IRunDirectoryHost host)
    {
        Id = id;
        _root = root;
        _host = host;
        _roundLines = new LineFollower(Path.Combine(root, "rounds.jsonl"));
        _journal = new JournalFollower(Path.Combine(root, "journal.jsonl"));
        _experiment = new WholeFile(Path.Combine(root, "experiment.yaml"));
        _clients = new WholeFile(Path.Combine(root, "clients.json"));
    }

    /// <summary>Names the run in addresses.</summary>
    public string Id { get; }

    /// <summary>The run as it was last read.</summary>
    public RunView? View { get; private set; }

    /// <summary>Whether a folder holds a run.</summary>
    public static bool IsRun(string folder) => File.Exists(Path.Combine(folder, "experiment.yaml"));

    /// <summary>Looks at the directory again; true where <see cref="View"/> is another one.</summary>
    public bool Refresh(long version)
    {
        bool changed = false;
        _problems.Clear();
        changed |= Try(() => _roundLines.Read(StartRounds, TakeRound) != FollowStep.Unchanged);
        changed |= Try(_journal.Refresh);
        changed |= Try(() => _experiment.Read(ReadExperiment));
        changed |= Try(() => _clients.Read(ReadClients));
        AddProblems();
        HostedState state = State();
        if (View is not null && !changed && state == _state && _problems.SequenceEqual(View.Problems))
        {
            return false;
        }

        _state = state;
        View = Build(version, state);
        return true;
    }

    private void StartRounds()
    {
        _rounds.Clear();
        _badLines = 0;
    }

    private void TakeRound(ReadOnlySpan<byte> line)
    {
        if (RunJson.Round(line) is not { } row || (_rounds.Count > 0 && row.Round <= _rounds[^1].Round))
        {
            _badLines++;
            return;
        }

        _rounds.Add(row);
    }

    private void ReadExperiment(byte[]? bytes)
    {
        _text = bytes is null ? null : Encoding.UTF8.GetString(bytes);
        _settings = _text is null ? null : ExperimentText.Flatten(_text);
    }

    private void ReadClients(byte[]? bytes) => _cards = bytes is null ? [] : RunJson.Clients(bytes) ?? [];

    private bool Try(Func<bool> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _problems.Add(e.Message.Split('\n')[0].TrimEnd('\r'));
            return false;
        }
    }

    private void AddProblems()
    {
        if (_badLines > 0)
        {
            _problems.Add($"rounds.jsonl: {_badLines} lines are not rounds' records and are left out. Continuing the run writes the file anew.");
        }

        if (_text is not null && _settings is null)
        {
            _problems.Add("experiment.yaml: cannot be understood, so the experiment's values are not shown.");
        }
    }

    private HostedState State()
    {
        long? planned = _settings is not null && _settings.TryGetValue("federation.rounds", out string? text) && long.TryParse(text, out long rounds) ? rounds : null;
        bool done = _rounds.Count > 0 && (_rounds[^1].Round >= planned || _rounds[^1].Ended is not null);
        return _host.StateOf(_root) ?? new HostedState(done ? RunState.Finished : RunState.Unfinished);
    }

    private RunView Build(long version, HostedState state)
    {
        IReadOnlyDictionary<string, string> settings = _settings ?? ExperimentText.Nothing;
        RunPermissions permissions = _host.PermissionsOf(settings);
        int done = _rounds.Count == 0 ? -1 : _rounds[^1].Round;
        var view = new RunView
        {
            Id = Id,
            Name = settings.TryGetValue("name", out string? name) && name.Length > 0 ? name : Path.GetFileName(_root),
            State = state.State,
            Reason = state.Reason,
            Version = version,
            ExperimentText = _text,
            Settings = settings,
            Rounds = [.. _rounds],
            Clients = permissions.Labels ? _cards : [.. _cards.Select(c => c with { Labels = new Dictionary<string, long>() })],
            Events = [.. _rounds.SelectMany(EventsOf).Concat(_journal.Resumed).OrderBy(e => e.Round)],
            Permissions = permissions,
            Updated = Latest(_roundLines.Written, _journal.Written, _experiment.Written),
            Adapters = AdaptersIn(_rounds),
            Problems = [.. _problems],
            Place = _host.PlaceOf(_root),
        };
        bool active = state.State is RunState.Running or RunState.Pausing or RunState.Paused;
        int finished = _journal.Round == done + 1 ? _journal.Finished : 0;
        int cohort = (int)Math.Min(int.MaxValue, view.Number("federation.clients_per_round") ?? 0);
        return active && done < (view.Planned ?? int.MaxValue)
            ? view with { Progress = new RoundProgress(Math.Max(1, done + 1), finished, Math.Max(cohort, finished)) }
            : view;
    }

    private static IEnumerable<RunEvent> EventsOf(RoundRow row)
    {
        foreach (ExclusionRow exclusion in row.Excluded)
        {
            yield return new RunEvent(row.Round, "excluded", $"Client {exclusion.Client} does not count: {exclusion.Reason}");
        }

        if (row.Abandoned is { } abandoned)
        {
            yield return new RunEvent(row.Round, "abandoned", $"The round was abandoned: {abandoned}");
        }

        if (row.Ended is { } ended)
        {
            yield return new RunEvent(row.Round, "ended", $"The run ended early: {ended}");
        }
    }

    private HashSet<string> AdaptersIn(List<RoundRow> rounds)
    {
        var hashes = new HashSet<string>(StringComparer.Ordinal);
        foreach (RoundRow row in rounds)
        {
            if (row.Adapter is { } hash && !hashes.Contains(hash) && (ReferenceEquals(row, rounds[^1]) || RunArtefacts.Stored(_root, hash) is not null))
            {
                hashes.Add(hash);
            }
        }

        return hashes;
    }

    private static DateTimeOffset? Latest(params ReadOnlySpan<DateTime?> times)
    {
        DateTime? latest = null;
        foreach (DateTime? time in times)
        {
            latest = latest is null || time > latest ? time ?? latest : latest;
        }

        return latest is { } found ? new DateTimeOffset(DateTime.SpecifyKind(found, DateTimeKind.Utc)) : null;
    }
}
