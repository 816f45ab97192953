using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Devices;
using FedLLM.Experiments.Running;
using FedLLM.GrainInterfaces;

namespace FedLLM.Grains;

/// <summary>Reads the experiment of what was asked to be started.</summary>
internal static class RunSpecs
{
    // Whether the contents behind the paths are the same is seen when the directory is opened.
    private static readonly ExperimentInputs NoInputs = new("", "", "");

    /// <summary>Reads it.</summary>
    /// <exception cref="RunRefusedException">The name is none, or the experiment is not sound.</exception>
    public static Experiment Read(string name, RunSpec spec)
    {
        if (!ExperimentName.IsOne(name))
        {
            throw new RunRefusedException("A run's name is made of letters, digits, '.', '_' and '-', a letter or digit first, and has at most 100 of them.");
        }

        try
        {
            Experiment experiment = ExperimentFile.Parse(Encoding.UTF8.GetBytes(spec.Experiment), "the experiment", spec.BaseFolder, spec.Overrides, spec.BaseFolder);
            return LocalRuns.Applies(experiment)
                ? throw new RunRefusedException("A cluster trains one model a run. Set federation.client and start each client's run by itself.")
                : experiment;
        }
        catch (ExperimentFileException wrong)
        {
            throw new RunRefusedException(wrong.Message);
        }
    }

    /// <summary>Returns the kind of device that an experiment's clients train on, as silos name it.</summary>
    public static string DeviceOf(Experiment experiment) => experiment.Model.Device switch
    {
        DeviceKind.Auto or DeviceKind.Cpu => "cpu",
        DeviceKind other => DeviceNames.Of(other),
    };

    /// <summary>Holds an experiment against the one that has the name.</summary>
    /// <exception cref="RunRefusedException">They differ in what a result depends on.</exception>
    public static void RequireSame(string name, Experiment known, Experiment asked)
    {
        IReadOnlyList<string> differences = ExperimentIdentity.Differences(known, NoInputs, asked, NoInputs);
        if (differences.Count > 0)
        {
            throw new RunRefusedException(
                $"Another experiment runs under the name {name}; what differs: {string.Join(", ", differences)}. Start this one under a name of its own.");
        }
    }
}
