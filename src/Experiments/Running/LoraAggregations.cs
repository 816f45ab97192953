using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;
using FedLLM.Federation.Lora;
using LoraAggregation = FedLLM.Experiments.Configuration.LoraAggregation;

namespace FedLLM.Experiments.Running;

/// <summary>Makes of an experiment's options how the clients' LoRA factors combine.</summary>
internal static class LoraAggregations
{
    /// <summary>Makes the aggregation that the options name.</summary>
    /// <param name="aggregation">Which.</param>
    /// <param name="lora">The adapters' shapes.</param>
    /// <param name="seed">The run's seed.</param>
    public static ILoraAggregation For(LoraAggregation aggregation, LoraOptions lora, ulong seed) => aggregation switch
    {
        LoraAggregation.Average => new FedIt(),
        LoraAggregation.Ffa => new FfaLora(),
        LoraAggregation.RoLora => new RoLora(),
        LoraAggregation.Flora => new Flora(ShapesOf(lora), seed),
        LoraAggregation.FlexLora => new FlexLora(ShapesOf(lora)),
        LoraAggregation.HetLora => new HetLora(ShapesOf(lora)),
        LoraAggregation.FedEx => new FedExLora(ShapesOf(lora)),
        LoraAggregation.FedSa => new FedSaLora(),
        _ => throw new InvalidOperationException($"The LoRA aggregation {aggregation} is not handled."),
    };

    /// <summary>Returns the shapes of the global adapter and of the clients that have another; alpha is the same, so the scaling follows the rank.</summary>
    public static LoraShapes ShapesOf(LoraOptions lora) => new(Shape(lora, lora.Rank), lora.RankByClient.ToDictionary(e => e.Key, e => Shape(lora, e.Value)));

    /// <summary>Returns what gives a client's adapter configuration; clients of one rank share theirs.</summary>
    /// <param name="lora">The adapters' shapes.</param>
    /// <param name="config">The global adapter's configuration as the task trains it.</param>
    public static Func<int, LoraConfig> ConfigOf(LoraOptions lora, LoraConfig config)
    {
        Dictionary<int, LoraConfig> byRank = Configs(lora, config).ToDictionary(c => c.Rank);
        Dictionary<int, LoraConfig> byClient = lora.RankByClient.ToDictionary(e => e.Key, e => byRank[e.Value]);
        return client => byClient.GetValueOrDefault(client, config);
    }

    /// <summary>Returns the adapter configurations that occur, the global one first.</summary>
    public static LoraConfig[] Configs(LoraOptions lora, LoraConfig config) =>
        [config, .. lora.RankByClient.Select(e => e.Value).Where(r => r != config.Rank).Distinct().Select(r => config with { Rank = r })];

    // s = alpha / r; of rsLoRA, alpha / √r, said as the alpha that gives it.
    private static LoraShape Shape(LoraOptions lora, int rank) => new(rank, lora.RankStabilized ? lora.Alpha * Math.Sqrt(rank) : lora.Alpha);
}
