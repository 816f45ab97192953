namespace FedLLM.Dashboard.Feed;

/// <summary>How far a run is.</summary>
public enum RunState
{
    /// <summary>A process works on it.</summary>
    Running,

    /// <summary>It was told to wait, and does its current round first.</summary>
    Pausing,

    /// <summary>Its process waits to be told to go on.</summary>
    Paused,

    /// <summary>It has rounds left, and nobody works on it.</summary>
    Unfinished,

    /// <summary>All its rounds are done, or it ended early as its experiment says.</summary>
    Finished,

    /// <summary>Somebody ended it before its last round.</summary>
    Cancelled,

    /// <summary>It could not go on.</summary>
    Failed,
}

/// <summary>Where a run stands, as its host knows and its files do not say.</summary>
/// <param name="State">The state.</param>
/// <param name="Reason">Why, where somebody should know; null elsewhere.</param>
public sealed record HostedState(RunState State, string? Reason = null);

/// <summary>What may be shown of a run's data besides counts and losses.</summary>
/// <param name="Samples">Whether prompts may be answered with its models.</param>
/// <param name="Labels">Whether the histograms of its clients' labels may be shown.</param>
public sealed record RunPermissions(bool Samples, bool Labels)
{
    /// <summary>
    /// What an experiment's values allow: of data that is pinned to its owners (<c>data.placement: pinned</c>) what <c>data.show_samples</c> and
    /// <c>data.show_labels</c> say, elsewhere both.
    /// </summary>
    public static RunPermissions Of(IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        bool shared = settings.GetValueOrDefault("data.placement") != "pinned";
        return new RunPermissions(Samples: shared || Says("data.show_samples"), Labels: shared || Says("data.show_labels"));

        bool Says(string key) => settings.GetValueOrDefault(key) == "true";
    }
}

/// <summary>The round under way.</summary>
/// <param name="Round">Its number.</param>
/// <param name="Finished">Clients that have sent their update.</param>
/// <param name="Cohort">Clients that are asked.</param>
public sealed record RoundProgress(int Round, int Finished, int Cohort);

/// <summary>Something that happened in a run and is no round's result.</summary>
/// <param name="Round">The round in or after which it happened.</param>
/// <param name="Kind">One word: <c>resumed</c>, <c>abandoned</c>, <c>excluded</c>, <c>ended</c>.</param>
/// <param name="Text">What happened, a sentence.</param>
public sealed record RunEvent(int Round, string Kind, string Text);

/// <summary>A run as it was at one moment. Instances never change.</summary>
public sealed record RunView
{
    /// <summary>Names the run in addresses: letters, digits, '-', '_' and '.'.</summary>
    public required string Id { get; init; }

    /// <summary>The experiment's name.</summary>
    public required string Name { get; init; }

    /// <summary>How far it is.</summary>
    public required RunState State { get; init; }

    /// <summary>Why it is in that state, where somebody should know; null elsewhere.</summary>
    public string? Reason { get; init; }

    /// <summary>The feed's version when it last changed.</summary>
    public required long Version { get; init; }

    /// <summary>The resolved experiment file; null where it cannot be read.</summary>
    public string? ExperimentText { get; init; }

    /// <summary>The experiment's values by dotted key; lists and empty values as text.</summary>
    public required IReadOnlyDictionary<string, string> Settings { get; init; }

    /// <summary>The rounds, ascending; the first is round 0, the state before training.</summary>
    public required IReadOnlyList<RoundRow> Rounds { get; init; }

    /// <summary>What clients hold, by id; empty where it is not known.</summary>
    public required IReadOnlyList<ClientCard> Clients { get; init; }

    /// <summary>What happened besides the rounds' results, oldest first.</summary>
    public IReadOnlyList<RunEvent> Events { get; init; } = [];

    /// <summary>The round under way, or null.</summary>
    public RoundProgress? Progress { get; init; }

    /// <summary>What may be shown.</summary>
    public required RunPermissions Permissions { get; init; }

    /// <summary>When something was last written, or null.</summary>
    public DateTimeOffset? Updated { get; init; }

    /// <summary>Hashes of the adapters that can be opened.</summary>
    public IReadOnlySet<string> Adapters { get; init; } = new HashSet<string>();

    /// <summary>What could not be read, a sentence each; empty on any other day.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];

    /// <summary>Where the run is kept, in words.</summary>
    public string? Place { get; init; }

    /// <summary>Returns a setting, or null where the experiment has none of that name or leaves it empty.</summary>
    public string? Setting(string key) => Settings.TryGetValue(key, out string? value) && value is not ("" or "null" or "none" or "~") ? value : null;

    /// <summary>Returns a setting that is a whole number, or null.</summary>
    public long? Number(string key) =>
        long.TryParse(Setting(key), System.Globalization.NumberStyles.Integer, System.Globalization.CultureInfo.InvariantCulture, out long value) ? value : null;

    /// <summary>Rounds planned, or null where it is not known.</summary>
    public long? Planned => Number("federation.rounds");

    /// <summary>The last round done; 0 before the first.</summary>
    public int Done => Rounds.Count == 0 ? 0 : Rounds[^1].Round;

    /// <summary>Returns the row of a round, or null.</summary>
    public RoundRow? RoundOf(int round)
    {
        // Rounds are dense in a run that was not damaged.
        int guess = Rounds.Count == 0 ? -1 : round - Rounds[0].Round;
        return guess >= 0 && guess < Rounds.Count && Rounds[guess].Round == round ? Rounds[guess] : Rounds.FirstOrDefault(r => r.Round == round);
    }
}
