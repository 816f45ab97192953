using FedLLM.Experiments.RunDirectories;

namespace FedLLM.Cli.Rendering;

/// <summary>A run beside others.</summary>
internal sealed class ComparedRun
{
    /// <summary>Takes a run's status and follows its course.</summary>
    public ComparedRun(string directory, RunStatus status)
    {
        (Directory, Status) = (directory, status);
        Curve = RunCurve.Of(status.Records);
    }

    /// <summary>The directory, as it was named.</summary>
    public string Directory { get; }

    /// <summary>How far it is.</summary>
    public RunStatus Status { get; }

    /// <summary>A point for each round done, from round 0.</summary>
    public IReadOnlyList<RunPoint> Curve { get; }

    /// <summary>What was spent so far, or null before round 0.</summary>
    public RunPoint? Last => Curve.Count == 0 ? null : Curve[^1];

    /// <summary>The newest value of a suite, or null.</summary>
    public double? Final(string suite) => Curve.LastOrDefault(p => p.Evaluation?.ContainsKey(suite) == true)?.Evaluation![suite];

    /// <summary>The suites that a run measured, in the order in which they came.</summary>
    public IEnumerable<string> Suites => Curve.SelectMany(p => p.Evaluation?.Keys ?? []).Distinct(StringComparer.Ordinal);
}
