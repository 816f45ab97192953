using FedLLM.Dashboard.Feed;

namespace FedLLM.Dashboard.RunDirectories;

/// <summary>What the files of a run directory do not say, and only its host knows or can do.</summary>
public interface IRunDirectoryHost
{
    /// <summary>Returns where the run in <paramref name="directory"/> stands, or null where nobody works on it and its files tell the rest.</summary>
    HostedState? StateOf(string directory);

    /// <summary>Returns what can stop and continue the run in <paramref name="directory"/>, or null.</summary>
    IRunControl? ControlOf(string directory);

    /// <summary>Returns where the run in <paramref name="directory"/> is kept, in words; there, unless it is a copy.</summary>
    string PlaceOf(string directory) => directory;

    /// <summary>Sees to it that files, where they are to be had, are in <paramref name="directory"/> when they are opened.</summary>
    /// <param name="directory">The run's directory.</param>
    /// <param name="names">Their names in it, with '/' between their parts.</param>
    /// <exception cref="IOException">They cannot be brought there.</exception>
    void Fetch(string directory, IReadOnlyList<string> names)
    {
    }

    /// <summary>The cluster on which the runs run, or null where there is none.</summary>
    ClusterView? Cluster => null;

    /// <summary>What begins runs, or null where this host only shows them.</summary>
    IRunStarter? Starter { get; }

    /// <summary>What answers prompts, or null where this host cannot.</summary>
    ISampler? Sampler { get; }

    /// <summary>What may be shown of a run with these settings.</summary>
    RunPermissions PermissionsOf(IReadOnlyDictionary<string, string> settings);
}
