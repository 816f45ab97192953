using FedLLM.Experiments.Configuration;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>The demo's base model and data, which lie in the repository.</summary>
internal static class DemoAssets
{
    public static Experiment Experiment(params string[] overrides) =>
        ExperimentFile.Read(Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml"), overrides);
}
