using System.Text;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.Running;

namespace FedLLM.Benchmarks;

/// <summary>The run on which a round's costs are measured: stories260K, 10 clients of dolly, all in every round, 10 steps each.</summary>
internal static class TenClients
{
    /// <summary>Clients, and clients per round.</summary>
    public const int Count = 10;

    /// <summary>Reads model and data.</summary>
    /// <param name="name">The experiment's name.</param>
    /// <param name="shared">The folder of shared data, absolute.</param>
    /// <param name="rounds">Rounds, at least 1.</param>
    /// <param name="folder">Where relative paths start.</param>
    public static PreparedExperiment Prepare(string name, string shared, int rounds, string folder)
    {
        string yaml = $$"""
            name: {{name}}
            model: {path: "{{shared}}/models/stories260K"}
            data: {path: "{{shared}}/data/dolly-10-clients", pattern: "local_training_*.json.gz", max_length: 512, partition: {scheme: files} }
            federation: {rounds: {{rounds}}, clients_per_round: {{Count}} }
            training: {batch_size: 16, max_steps: 10, learning_rate: 1.0e-3}
            """;
        return PreparedExperiment.Prepare(ExperimentFile.Parse(Encoding.UTF8.GetBytes(yaml), name + ".yaml", folder));
    }
}
