using FedLLM.Federation.Algorithms;

namespace FedLLM.Federation.Lora;

/// <summary>Which server optimizers, LoRA aggregations and ranks go together.</summary>
public static class LoraCombinations
{
    /// <summary>Returns why a method whose factors are no tensors to follow from round to round cannot go with <paramref name="optimizer"/>, or null where it can.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="reason">What the method does and why that optimizer cannot follow it.</param>
    internal static string? UnlessStateless(IServerOptimizer optimizer, Func<string, string> reason)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        return optimizer.AddsTheMean && !optimizer.Client.UsesControlVariates ? null : $"{reason(optimizer.Name)}; it goes with fedavg and fedprox.";
    }

    /// <summary>Lists why a combination cannot work, a sentence each; empty where it can.</summary>
    public static IReadOnlyList<string> Problems(IServerOptimizer optimizer, ILoraAggregation aggregation, LoraShapes? shapes = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(aggregation);
        var problems = new List<string>();
        if (aggregation.RefusalOf(optimizer) is { } refusal)
        {
            problems.Add(refusal);
        }

        if (shapes is { Differ: true } && !aggregation.RanksMayDiffer)
        {
            problems.Add($"{aggregation.Name} needs adapters of one rank and alpha; clients of different ranks go with flora, flexlora and hetlora.");
        }

        return problems;
    }
}
