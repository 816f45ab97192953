using FedLLM.Experiments.RunDirectories;
using FedLLM.Experiments.Running;

namespace FedLLM.Grains;

/// <summary>Where and with what coordinators run on a silo.</summary>
/// <param name="Store">The folder of the run directories, shared by all silos.</param>
/// <param name="Prepared">Reads models and data.</param>
/// <param name="WakePeriod">How often a run is looked after: the longest time between a coordinator's death being known and another one going on.</param>
/// <param name="Clock">Measures time.</param>
public sealed record RunHosting(string Store, PreparedRuns Prepared, TimeSpan WakePeriod, TimeProvider Clock)
{
    /// <summary>What that folder is kept on; the operating system's files by default.</summary>
    public IRunFiles Files { get; init; } = DiskFiles.Instance;
}
