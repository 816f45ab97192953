namespace FedLLM.Experiments.Configuration;

/// <summary>An experiment as another machine can read it: resolved, and paths below one folder written relative to it.</summary>
public static class PortableYaml
{
    /// <summary>
    /// Writes <paramref name="experiment"/>. Read back with another folder (<see cref="ExperimentFile.Parse"/>), it names the same files below that one; paths
    /// outside <paramref name="folder"/> stay absolute.
    /// </summary>
    public static string Write(Experiment experiment, string folder)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        ArgumentNullException.ThrowIfNull(folder);
        string root = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        return ResolvedYaml.Write(experiment with
        {
            Model = experiment.Model with { Path = Move(experiment.Model.Path) },
            Data = experiment.Data with
            {
                Path = MoveAny(experiment.Data.Path),
                Sources = experiment.Data.Sources?.Select(s => s with { Path = Move(s.Path) }).ToArray(),
                Evaluation = experiment.Data.Evaluation is { } heldOut ? heldOut with { Glob = MoveAny(heldOut.Glob) } : null,
            },
            Dpo = experiment.Dpo with { Reference = experiment.Dpo.Reference with { AdapterPath = MoveAny(experiment.Dpo.Reference.AdapterPath) } },
            Evaluation = experiment.Evaluation with { Data = MoveAny(experiment.Evaluation.Data) },
        });

        string? MoveAny(string? path) => path is null ? null : Move(path);

        string Move(string path) => path == root ? "."
            : path.StartsWith(root + Path.DirectorySeparatorChar, StringComparison.Ordinal) ? path[(root.Length + 1)..].Replace(Path.DirectorySeparatorChar, '/')
            : path;
    }
}
