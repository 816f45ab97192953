using FedLLM.Engine.Files;
using FedLLM.Engine.Models;
using FedLLM.Experiments.Configuration;
using FedLLM.Experiments.RunDirectories;
using FedLLM.Federation.Lora;
using FedLLM.Federation.Rounds;
using FedLLM.Numerics;

namespace FedLLM.Experiments.Clients;

/// <summary>An adapter for the original base model.</summary>
/// <param name="Config">Its configuration.</param>
/// <param name="Tensors">Its factors.</param>
public sealed record ConfiguredAdapter(LoraConfig Config, TensorSet Tensors)
{
    /// <summary>Returns it as the model takes it.</summary>
    public LoraAdapter On(ModelConfig model) => new(model, Config, Tensors);
}

/// <summary>
/// A global state as one adapter on the original base model: the global adapter, and where the base has a correction, both joined into one of higher rank
/// (at most min(out, in) more, see <see cref="StackedCorrection"/>). What a run directory's <c>adapter/</c> shows, and what is evaluated.
/// </summary>
/// <param name="lora">The global adapter's configuration; without patterns where the base is corrected.</param>
/// <param name="baseModel">The base model's path or name, for PEFT to find it by.</param>
public sealed class StateAdapter(LoraConfig lora, string baseModel)
{
    private readonly byte[] _config = PeftAdapter.ConfigBytes(lora, baseModel);

    /// <summary>Returns what shows the states of an experiment's run.</summary>
    public static StateAdapter For(Experiment experiment)
    {
        ArgumentNullException.ThrowIfNull(experiment);
        return new StateAdapter(experiment.Lora.ToConfig(), experiment.Model.Path);
    }

    /// <summary>Returns the state's adapter and its configuration.</summary>
    public ConfiguredAdapter Join(GlobalState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return Join(new ConfiguredAdapter(lora, state.Adapter), state.BaseCorrection);
    }

    /// <summary>Returns the adapter that alone gives what <paramref name="adapter"/> gives on a corrected base model; itself where there is no correction.</summary>
    public static ConfiguredAdapter Join(ConfiguredAdapter adapter, TensorSet? correction)
    {
        ArgumentNullException.ThrowIfNull(adapter);
        if (correction is null)
        {
            return adapter;
        }

        LoraConfig config = adapter.Config;

        // To the bit as the aggregation has it (LoraAggregations): the hash that a round's record names is that of these tensors.
        double scaling = (config.RankStabilized ? config.Alpha * Math.Sqrt(config.Rank) : config.Alpha) / config.Rank;
        TensorSet joined = StackedCorrection.Join(adapter.Tensors, scaling, correction);
        int rank = LoraNames.Pairs(joined.Layout).Max(p => p.Rank);
        return new ConfiguredAdapter(config with { Rank = rank, Alpha = rank, RankStabilized = false }, joined);
    }

    /// <summary>Returns what <c>adapter/</c> shows of a state; the same state gives the same bytes.</summary>
    public AdapterExport Of(GlobalState state)
    {
        ConfiguredAdapter joined = Join(state);
        return new AdapterExport(ReferenceEquals(joined.Config, lora) ? _config : PeftAdapter.ConfigBytes(joined.Config, baseModel), joined.Tensors);
    }
}
