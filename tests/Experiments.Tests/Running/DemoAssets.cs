using FedLLM.Experiments.Configuration;
using FedLLM.TestSupport;

namespace FedLLM.Experiments.Tests.Running;

/// <summary>The demo's base model and data, which lie in the repository.</summary>
internal static class DemoAssets
{
    /// <summary>Eight of the twenty clients with ranks below the others'.</summary>
    public const string Ranks = "lora.rank_by_client={0: 2, 3: 4, 5: 1, 8: 2, 9: 4, 12: 2, 14: 4, 17: 1}";

    public static Experiment Experiment(params string[] overrides) =>
        ExperimentFile.Read(Path.Combine(SharedData.RepositoryRoot(), "configs", "demo.yaml"), overrides);
}
