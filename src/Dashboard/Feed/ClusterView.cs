namespace FedLLM.Dashboard.Feed;

/// <summary>How a silo stands in its cluster.</summary>
public enum SiloState
{
    /// <summary>It starts and takes no work yet.</summary>
    Joining,

    /// <summary>It works.</summary>
    Active,

    /// <summary>It hands its work over and ends.</summary>
    Leaving,

    /// <summary>It is gone.</summary>
    Dead,
}

/// <summary>A client's training in a round, done by a device or waiting for one.</summary>
/// <param name="Run">The run's id in this feed.</param>
/// <param name="Round">The round.</param>
/// <param name="Client">Client id, from 0.</param>
public sealed record ClientTraining(string Run, int Round, int Client);

/// <summary>A training device of a silo, with the queue before it.</summary>
/// <param name="Name">Its name, unique on the silo: <c>cpu</c>, <c>cuda:0</c>.</param>
/// <param name="Kind">What it is, in words.</param>
/// <param name="Training">What it trains now.</param>
/// <param name="Waiting">What waits for it, the next first; where much waits, the first of it.</param>
public sealed record DeviceRow(string Name, string Kind, IReadOnlyList<ClientTraining> Training, IReadOnlyList<ClientTraining> Waiting)
{
    /// <summary>How many clients wait for it.</summary>
    public int WaitingCount { get; init; } = Waiting.Count;

    /// <summary>Most clients that train on it at a time, of the run that does; 0 while none does.</summary>
    public int Lanes { get; init; }
}

/// <summary>A silo.</summary>
public sealed record SiloRow
{
    /// <summary>Its name, as in <see cref="ClientPlace"/>.</summary>
    public required string Name { get; init; }

    /// <summary>Where the other silos reach it.</summary>
    public required string Address { get; init; }

    /// <summary>How it stands.</summary>
    public required SiloState State { get; init; }

    /// <summary>When it joined, or null.</summary>
    public DateTimeOffset? Joined { get; init; }

    /// <summary>Memory that its process uses, in bytes, or null.</summary>
    public long? MemoryBytes { get; init; }

    /// <summary>Share of its processors in use, 0 to 1, or null.</summary>
    public double? Processors { get; init; }

    /// <summary>Messages that it has sent to other silos and to clients of the cluster since it started, or null.</summary>
    public long? MessagesSent { get; init; }

    /// <summary>Their bytes, or null.</summary>
    public long? BytesSent { get; init; }

    /// <summary>Messages that its grains sent to one another without leaving it, or null.</summary>
    public long? MessagesWithin { get; init; }

    /// <summary>Its training devices.</summary>
    public IReadOnlyList<DeviceRow> Devices { get; init; } = [];

    /// <summary>Activations in its memory, by kind of grain.</summary>
    public IReadOnlyDictionary<string, long> Activations { get; init; } = new Dictionary<string, long>();
}

/// <summary>A cluster as it was at one moment. Instances never change.</summary>
public sealed record ClusterView
{
    /// <summary>The cluster's name.</summary>
    public required string Name { get; init; }

    /// <summary>Its silos, those that are gone included as long as the membership knows them.</summary>
    public required IReadOnlyList<SiloRow> Silos { get; init; }

    /// <summary>What whoever runs the cluster must not overlook, a sentence; null where there is nothing.</summary>
    public string? Warning { get; init; }

    /// <summary>The path on this host at which Orleans' own dashboard answers; null where it does not.</summary>
    public string? GrainsPath { get; init; }
}
